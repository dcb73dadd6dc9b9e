"""What was measured as text: tables for a terminal, tables for docs/performance.md, and JSON.

The document's generated parts stand between markers, and nothing else of it is touched:

    <!-- targets --> ... <!-- /targets -->
"""

import platform
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from lab import Measured
from measure import machine
from peers.base import Peer
from targets import Goal


def figure(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def times(value: float | None) -> str:
    return "" if value is None else f"{figure(value)} x"


def rows_of(measured: Measured) -> list[tuple[str, ...]]:
    """contender, median, least, most, ratio to the reference; or contender and why not."""
    rows: list[tuple[str, ...]] = []
    for name, rounds in measured.rounds.items():
        cells = (figure(median(rounds)), figure(min(rounds)), figure(max(rounds)))
        rows.append((name, *cells, times(measured.over(name, measured.reference))))
    return rows


def terminal(measured: Measured) -> Group:
    table = Table(f"{escape(measured.what)}, {measured.unit}")
    for heading in ("median", "least", "most", f"x {measured.reference}"):
        table.add_column(escape(heading), justify="right")
    for name, *cells in rows_of(measured):
        table.add_row(escape(name), *cells)
    return Group(table, *(f"[dim]{escape(name)}: {escape(why)}[/]" for name, why in measured.unable.items()))


def terminal_goals(goals: Sequence[Goal]) -> Table:
    table = Table("work", "target", title="Targets: medians of the ratios within rounds")
    for heading in ("measured", "should be"):
        table.add_column(heading, justify="right")
    table.add_column("")
    colours = {"reached": "green", "missed": "red", "not measured": "dim"}
    for goal in goals:
        value, should = goal_cells(goal)
        table.add_row(
            escape(goal.work), escape(goal.what), value, should, f"[{colours[goal.verdict]}]{goal.verdict}[/]"
        )
    return table


def goal_cells(goal: Goal) -> tuple[str, str]:
    value = "-" if goal.measured is None else f"{figure(goal.measured)} {goal.unit}"
    relation = {">=": "at least", "<=": "at most"}[goal.relation]
    return value, f"{relation} {goal.bound:g} {goal.unit}"


# ------------------------------------------------------------------------------------------------- Markdown


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    aligned = ["---", *("---:" for _ in headings[1:])]
    lines = [headings, aligned, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def markdown_goals(goals: Sequence[Goal]) -> str:
    rows = [(goal.work, goal.what, *goal_cells(goal), goal.verdict) for goal in goals]
    return markdown_table(("work", "target", "measured", "should be", ""), rows)


def markdown_overview(measured: Sequence[Measured], peers: Sequence[Peer]) -> str:
    """All peers by the scenarios that they all are given: a ratio to livedirs for each."""
    shared = [m for m in measured if sum(peer.name in m.rounds for peer in peers) > 2]
    names = [peer.name for peer in peers]
    rows = []
    for group in shared:
        cells = []
        for name in names:
            value = group.median(name)
            ratio = group.over(name, group.reference)
            is_ours = name == group.reference
            cells.append(
                f"{figure(value)} {group.unit.split('/')[0]}" if is_ours and value else times(ratio) or "-"
            )
        rows.append((group.what, *cells))
    return markdown_table(("work", *names), rows)


def markdown_details(measured: Sequence[Measured]) -> str:
    parts = []
    for group in measured:
        rows: list[Sequence[str]] = list(rows_of(group))
        rows += [(name, "-", "", "", why) for name, why in group.unable.items()]
        headings = (f"{group.unit}", "median", "least", "most", f"x {group.reference}")
        parts.append(f"### {group.what[0].upper()}{group.what[1:]}\n\n{markdown_table(headings, rows)}")
    return "\n\n".join(parts)


def markdown_peers(peers: Sequence[Peer]) -> str:
    rows = [(peer.name, getattr(peer, "why", "") or peer.about) for peer in peers]
    lines = [("contender", "how"), ("---", "---"), *rows]
    return "\n".join(f"| {name} | {how} |" for name, how in lines)


def markdown_machine(when: str, command: str, rounds: int) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in machine().items())
    return f"`{command}` on {when}, medians of {rounds} rounds, on {processor()}: {facts}."


def processor() -> str:
    """What the machine says that it computes with."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        if model:
            return model[1]
    return platform.processor() or platform.machine()


def fill(text: str, parts: dict[str, str]) -> str:
    """The document with these parts between their markers; ValueError where it has none."""
    for name, part in parts.items():
        pattern = re.compile(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda found, part=part: f"{found[1]}\n{part}\n{found[2]}", text)  # type: ignore[misc]
        if count != 1:
            raise ValueError(f"the document has {count} places for <!-- {name} -->, and should have one")
    return text


def as_json(measured: Sequence[Measured], goals: Sequence[Goal], facts: dict[str, Any]) -> dict[str, Any]:
    return {
        **facts,
        "targets": [
            {
                "work": goal.work,
                "what": goal.what,
                "measured": goal.measured,
                "should_be": f"{goal.relation} {goal.bound:g} {goal.unit}",
                "verdict": goal.verdict,
            }
            for goal in goals
        ],
        "measured": [
            {
                "scenario": group.scenario,
                "what": group.what,
                "unit": group.unit,
                "reference": group.reference,
                "rounds": {
                    name: [float(f"{value:.4g}") for value in rounds] for name, rounds in group.rounds.items()
                },
                "unable": group.unable,
            }
            for group in measured
        ],
    }
