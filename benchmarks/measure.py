"""What all benchmarks share: a figure and its rounds, a target, the machine, and what a process weighs."""

import gc
import os
import platform
import resource
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Literal, TypeVar

import livedirs
from livedirs import _native

W = TypeVar("W")


class WrongAnswerError(Exception):
    """A contender does not give what plain Python computes."""


@dataclass(frozen=True)
class Figure:
    """What was measured, once for each round."""

    what: str
    unit: str
    rounds: list[float]

    @property
    def median(self) -> float:
        return median(self.rounds)

    def over(self, other: "Figure") -> float:
        """The median of the ratios within the rounds."""
        return median(a / b for a, b in zip(self.rounds, other.rounds, strict=True))


@dataclass(frozen=True)
class Target:
    what: str
    measured: float
    relation: Literal[">=", "<", "<="]
    bound: float
    unit: str = "x"

    @property
    def met(self) -> bool:
        if self.relation == ">=":
            return self.measured >= self.bound
        return self.measured < self.bound if self.relation == "<" else self.measured <= self.bound


def seconds(run: Callable[[W], int], work: W) -> tuple[float, int]:
    """How long `run` took for this work, and what it gave; garbage is collected before."""
    gc.collect()
    begin = perf_counter()
    read = run(work)
    return perf_counter() - begin, read


def machine() -> dict[str, str | int | None]:
    return {
        "livedirs": livedirs.__version__ + (", tuned" if _native._tuned else ", not tuned"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
        "cores": os.cpu_count(),
    }


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


# --------------------------------------------------------------------------------------------------- memory


def alone(load: Callable[[int], dict[str, float]], size: int) -> dict[str, float]:
    """What `load(size)` gives in a process of its own that does nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(load, size).result()


def resident() -> int:
    """Resident memory of this process in bytes; where there is no /proc, its peak so far."""
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def first_line(error: BaseException) -> str:
    """An exception as a reason that fits into a row."""
    name, lines = type(error).__name__, str(error).strip().splitlines()
    return f"{name}: {lines[0]}" if lines else name
