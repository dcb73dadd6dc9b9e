"""Where a capacity is set, the sum that is kept for it is never less than what there is.

`_check_invariants` sums up everything anew and compares.
"""

import gc
import logging
import warnings

import pytest
from ways import WAYS

from livedirs import Store

ROUNDS = 25


@pytest.fixture
def quiet():
    logging.getLogger("livedirs").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
        gc.collect()
    logging.getLogger("livedirs").setLevel(logging.NOTSET)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_kept_is_never_less_than_what_there_is(way, quiet):
    options, set_up = WAYS[way]
    store = Store(**{"capacity": 1 << 40, **options})
    a_round = set_up(store)
    for n in range(ROUNDS):
        a_round(n)
        store._check_invariants()
