"""What the project set itself to reach, beside what was measured.

A target that is missed does not fail the run; one that could not be measured says why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab import Measured


@dataclass(frozen=True)
class Goal:
    work: str
    what: str
    measured: float | None
    relation: str  # ">=" or "<="
    bound: float
    unit: str = "x"

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        reached = self.measured >= self.bound if self.relation == ">=" else self.measured <= self.bound
        return "reached" if reached else "missed"


def goals(measured: Sequence[Measured]) -> list[Goal]:
    """Speeds over a peer are ratios within rounds: how many times as long as livedirs it took."""
    found: list[Goal] = []

    def starting(scenario: str, what: str = "") -> Measured | None:
        fitting = (m for m in measured if m.scenario == scenario and m.what.startswith(what))
        return next(fitting, None)

    def times(work: str, group: Measured | None, bounds: dict[str, float], ours: str = "livedirs") -> None:
        for peer, bound in bounds.items():
            ratio = group.over(peer, ours) if group else None
            found.append(Goal(work, f"over {peer}", ratio, ">=", bound))

    def at_most(work: str, what: str, value: float | None, bound: float, unit: str = "x") -> None:
        found.append(Goal(work, what, value, "<=", bound, unit))

    single = {"sqlite3": 2, "SKStore": 60, "pathway": 50, "incr-compute, nodes": 4, "dict + functions": 0.25}
    times("single-key transaction, read back", starting("single_key"), single)
    bulk = {"sqlite3": 1.5, "SKStore": 80, "pathway": 8, "dict + functions": 0.5}
    times("all keys at once, list-building mappers", batch(measured, "list-building"), bulk)
    values = {"sqlite3": 2.5, "incr-compute, nodes": 1.0}
    times("all keys at once, map_values and group_by", batch(measured, "map_values"), values)

    churn = starting("churn")
    first, last = (churn.reference, second_of(churn)) if churn else ("", "")
    made = churn.median(first) if churn else None
    at_most("slice of 3 keys, made and removed", first or "first", made, 5, "us")
    at_most(
        "slice of 3 keys, made and removed",
        f"{last or 'last'}, over the first",
        churn.over(last, first) if churn else None,
        1.1,
    )
    for start, bound in (("SKStore, 1st", 150), ("SKStore, after", 400)):
        name = next((name for name in churn.rounds if name.startswith(start)), None) if churn else None
        ratio = churn.over(name, first if "1st" in start else last) if churn and name else None
        found.append(Goal("slice of 3 keys, made and removed", f"over {name or start}", ratio, ">=", bound))

    growth = starting("growth")
    at_most("growth of a single-key commit", *growth_of(growth), 1.5)

    for what, bound in (("snapshot made", 1), ("fork made", 2), ("empty transaction", 1)):
        group = next((m for m in measured if m.scenario == "versions" and m.what == what), None)
        name, slowest = greatest(group)
        at_most("versions", f"{what}, {name}", slowest, bound, "us")

    for group in measured:
        if group.scenario == "rollback":
            ratio = group.over("livedirs, rollback", "livedirs, commit")
            at_most("rollback over commit", group.what, ratio, 1.0)

    memory = starting("memory")
    for name, most in (("input directory, resident", 1.2), ("derived directory, resident", 2.0)):
        weight = memory.over(name, "dict, resident") if memory else None
        at_most("memory of a row, over a dict's", name, weight, most)

    nothing = starting("poll", "poll with nothing new")
    poll = nothing.median("livedirs") if nothing else None
    at_most("poll", "with nothing new", poll * 1_000 if poll else None, 150, "ns")
    return found


def batch(measured: Sequence[Measured], how: str) -> Measured | None:
    """The transactions of the most keys that were done this way."""
    fitting = [m for m in measured if m.scenario == "batches" and how in m.what]
    return fitting[-1] if fitting else None


def second_of(churn: Measured) -> str:
    return next(
        (name for name in churn.rounds if name.startswith("livedirs") and name != churn.reference), ""
    )


def growth_of(growth: Measured | None) -> tuple[str, float | None]:
    """What a transaction takes in the largest input over the smallest, over the same of sqlite3."""
    if growth is None:
        return "over sqlite3's", None
    grown: Callable[[str], list[str]] = lambda peer: [n for n in growth.rounds if n.startswith(f"{peer},")]  # noqa: E731
    ours, theirs = grown("livedirs"), grown("sqlite3")
    if len(ours) < 2 or len(theirs) < 2:
        return "over sqlite3's", None
    mine, its = growth.over(ours[-1], ours[0]), growth.over(theirs[-1], theirs[0])
    what = f"{ours[0].split(', ')[1]} to {ours[-1].split(', ')[1]}: {mine:.2f} x, sqlite3 {its:.2f} x"
    return what, mine / its if mine and its else None


def greatest(group: Measured | None) -> tuple[str, float | None]:
    """The contender of livedirs that took longest."""
    medians = (
        [(group.median(name) or 0.0, name) for name in group.rounds if name.startswith("livedirs")]
        if group
        else []
    )
    if not medians:
        return "at any size", None
    slowest, name = max(medians)
    return name.removeprefix("livedirs, "), slowest
