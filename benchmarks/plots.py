"""The plots that docs/performance.md shows, as SVG, in colours that the colour-blind can tell apart
(those of Okabe and Ito).

A contender has the same colour and marker wherever it is shown. What spans decades has a logarithmic axis.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from textwrap import wrap
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "livedirs"  # the same file from the same figures
mpl.rcParams["font.size"] = 9
mpl.rcParams["axes.spines.top"] = mpl.rcParams["axes.spines.right"] = False

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

from lab import Measured  # noqa: E402

OURS, PYTHON, OTHERS, RUST = "#D55E00", "#000000", "#0072B2", "#999999"
RUST_ENGINES = ("differential-dataflow", "dbsp", "salsa")
LINES = {  # of the plots with lines: colour, marker
    "livedirs": ("#D55E00", "o"),
    "sqlite3": ("#0072B2", "s"),
    "dict + functions": ("#000000", "^"),
    "dict": ("#999999", "v"),
    "SKStore": ("#CC79A7", "D"),
    "pathway": ("#009E73", "P"),
    "incr-compute, nodes": ("#E69F00", "X"),
    "incr-compute, nodes in trees": ("#56B4E9", "*"),
    "livedirs, snapshot made": ("#D55E00", "o"),
    "livedirs, fork made": ("#CC79A7", "D"),
    "livedirs, empty transaction": ("#0072B2", "s"),
    "dict, a copy": ("#000000", "v"),
}


def draw(measured: Sequence[Measured], folder: Path) -> list[Path]:
    """Those plots for which there are figures."""
    drawn = []
    for name, make in PLOTS.items():
        figure = make(measured)
        if figure is not None:
            path = folder / f"{name}.svg"
            figure.savefig(path, metadata={"Date": None})
            plt.close(figure)
            drawn.append(path)
    return drawn


def colour(name: str) -> str:
    if name.startswith(("livedirs", "input directory", "derived directory")):
        return OURS
    if name.startswith("dict"):
        return PYTHON
    return RUST if name in RUST_ENGINES else OTHERS


def plain(value: float, _: Any = None) -> str:
    """1, 10, 100, 1k, 10k: short enough for an axis."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def peers(measured: Sequence[Measured]) -> Any:
    """A panel for each kind of work that several peers do: time for each of them, the fastest on top."""
    groups = [m for m in measured if len([n for n in m.rounds if not n.startswith("livedirs")]) > 3]
    groups = [m for m in groups if m.scenario not in ("growth", "rollback", "versions", "memory", "churn")]
    if not groups:
        return None
    columns = 3 if len(groups) > 4 else 2
    lines = -(-len(groups) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(4.7 * columns, 3.1 * lines), squeeze=False, layout="constrained"
    )
    for axis, group in zip(axes.flat, groups, strict=False):
        bars(axis, group)
    for axis in axes.flat[len(groups) :]:
        axis.set_visible(False)
    key = {
        OURS: "livedirs",
        PYTHON: "dicts by hand",
        OTHERS: "peers",
        RUST: "Rust engines, no Python functions",
    }
    handles = [plt.Line2D([], [], marker="o", linestyle="", color=shade) for shade in key]
    figure.legend(handles, key.values(), loc="outside upper left", ncols=4, frameon=False)
    return figure


def bars(axis: Any, group: Measured, *, logarithmic: bool = True) -> None:
    """Medians, with a line from the least to the most: as points where the axis has no zero, else as bars."""
    by_speed = sorted(group.rounds, key=lambda name: median(group.rounds[name]))[::-1]
    for place, name in enumerate(by_speed):
        rounds = group.rounds[name]
        middle = median(rounds)
        if logarithmic:
            axis.axhline(place, color="#dddddd", linewidth=0.7, zorder=0)
            axis.plot(middle, place, "o", color=colour(name), markersize=8 if colour(name) == OURS else 6)
        else:
            axis.barh(place, middle, color=colour(name), height=0.66)
        axis.plot([min(rounds), max(rounds)], [place, place], color=colour(name), linewidth=1.6)
        axis.annotate(
            short(middle),
            (max(rounds), place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )
    axis.set_yticks(range(len(by_speed)), by_speed, fontsize=8)
    for label, name in zip(axis.get_yticklabels(), by_speed, strict=True):
        label.set_fontweight("bold" if colour(name) == OURS else "normal")
    axis.set_title("\n".join(wrap(group.what, 34)), loc="left", fontsize=9.5)
    axis.set_xlabel(group.unit.replace("us", "microseconds", 1))
    if logarithmic:
        axis.set_xscale("log")
        decades(axis.xaxis)
    axis.margins(x=0.2, y=0.06)


def decades(axis: Any) -> None:
    """Ticks of a logarithmic axis: decades, and where it spans few of them also what is between."""
    low, high = sorted(axis.get_view_interval())
    between = (1.0, 2.0, 5.0) if high / max(low, 1e-12) < 200 else (1.0,)
    axis.set_major_locator(LogLocator(subs=between, numticks=12))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_formatter(NullFormatter())


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def batch_sizes(measured: Sequence[Measured]) -> Any:
    """Time for each key by how many keys a transaction has."""
    points: dict[str, list[tuple[float, float]]] = {}
    for group in measured:
        if group.scenario == "single_key":
            keys = 1.0
        elif group.scenario == "batches" and "list-building" in group.what:
            keys = float(group.what.split()[0].replace(",", ""))
        else:
            continue
        for name in LINES:
            middle = group.median(name)
            if middle is not None:
                points.setdefault(name, []).append((keys, middle))
    return lines(
        points, "keys in a transaction", "microseconds/key", "Map and map_reduce by list-building mappers"
    )


def growth(measured: Sequence[Measured]) -> Any:
    """Time of a single-key transaction by the size of its input."""
    points: dict[str, list[tuple[float, float]]] = {}
    for group in measured:
        if group.scenario == "growth":
            for label in group.rounds:
                name, size = label.rsplit(", ", 1)
                points.setdefault(name, []).append(
                    (float(size.split()[0].replace(",", "")), group.median(label) or 0)
                )
    return lines(
        points, "keys of the input", "microseconds/transaction", "One key written, two results read back"
    )


def versions(measured: Sequence[Measured]) -> Any:
    """Snapshot, fork and empty transaction by size, beside a copy of a dict."""
    points: dict[str, list[tuple[float, float]]] = {}
    for group in measured:
        if group.scenario == "versions" and "and" not in group.what.split():
            for label in group.rounds:
                if label.startswith(("livedirs", "dict")):
                    size = float(label.split()[-2].replace(",", ""))
                    name = f"livedirs, {group.what}" if label.startswith("livedirs") else "dict, a copy"
                    points.setdefault(name, []).append((size, group.median(label) or 0))
    return lines(points, "keys of the input", "microseconds", "Versions, whatever the size")


def lines(points: dict[str, list[tuple[float, float]]], x: str, y: str, title: str) -> Any:
    points = {name: sorted(line) for name, line in points.items() if len(line) > 1}
    if not points:
        return None
    figure, axis = plt.subplots(figsize=(7.4, 4.2), layout="constrained")
    spare = iter([("#D55E00", "o"), ("#E69F00", "s"), ("#CC79A7", "D"), ("#000000", "v"), ("#0072B2", "P")])
    for name, line in points.items():
        shade, marker = LINES.get(name) or next(spare)
        width = 2.4 if name.startswith("livedirs") else 1.4
        axis.plot(*zip(*line, strict=True), color=shade, marker=marker, linewidth=width, label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    decades(axis.xaxis)
    decades(axis.yaxis)
    axis.grid(alpha=0.25, which="major")
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.set_title(title, loc="left")
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure


def churn(measured: Sequence[Measured]) -> Any:
    return one(measured, "churn", logarithmic=True)


def memory(measured: Sequence[Measured]) -> Any:
    return one(measured, "memory", logarithmic=False)


def one(measured: Sequence[Measured], scenario: str, *, logarithmic: bool) -> Any:
    group = next((m for m in measured if m.scenario == scenario and m.rounds), None)
    if group is None:
        return None
    figure, axis = plt.subplots(figsize=(7.4, 0.4 * len(group.rounds) + 1.2), layout="constrained")
    bars(axis, group, logarithmic=logarithmic)
    return figure


PLOTS: dict[str, Callable[[Sequence[Measured]], Any]] = {
    "peers": peers,
    "batch-sizes": batch_sizes,
    "growth": growth,
    "versions": versions,
    "churn": churn,
    "memory": memory,
}
