"""What the service does, and that it leaves nothing behind."""

import pytest
from service import Service

from livedirs import Store
from livedirs.testing import assert_no_residue

VISITS = 2_000


@pytest.fixture
def service(store: Store) -> Service:
    made = Service(store)
    for number in range(10):
        made.post(number, "tea" if number % 2 else "coffee", f"message {number}")
    return made


@pytest.mark.no_residue
def test_a_visitor_sees_the_messages_of_the_room(service: Service) -> None:
    assert service.visit(1, "tea") == [f"message {number}" for number in (1, 3, 5, 7, 9)]


def test_a_visit_leaves_nothing_in_the_store(service: Service) -> None:
    with assert_no_residue(service.store):
        for session in range(100):
            service.visit(session, "coffee")


@pytest.mark.limit_leaks("64 KB")
def test_visits_leave_no_memory_behind(service: Service) -> None:
    for session in range(VISITS):
        service.visit(session, "tea")
