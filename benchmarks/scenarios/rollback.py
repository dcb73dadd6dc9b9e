"""k writes in a block and its rollback, beside its commit; sqlite3 has a journal that can roll back."""

from collections.abc import Callable, Iterator
from time import perf_counter

from lab import Lab, Measured, Runs
from measure import WrongAnswerError
from shapes import Work
from tables import LiveDirs, Sqlite

COUNTS = (1, 100, 10_000)
WRITES = 10_000  # in a round, in all


def measure(lab: Lab) -> Iterator[Measured]:
    keys = lab.sizes.keys
    rows = dict.fromkeys(range(keys), 1)
    tables, database = LiveDirs(rows), Sqlite(rows)
    database.connection.execute("PRAGMA journal_mode = MEMORY")  # OFF cannot roll back
    for count in COUNTS:
        times = max(1, WRITES // count // 10)

        def run(
            transact: Callable[[Work], None], commits: bool, times: int = times
        ) -> Callable[[int], float]:
            def turn(number: int) -> float:
                spent = 0.0
                before = tables.answer(), database.answer()
                for _ in range(times):
                    work = [(key % keys, lab.dice.randrange(1_000_000)) for key in range(count)]  # noqa: B023
                    begin = perf_counter()
                    transact(work)
                    spent += perf_counter() - begin
                if ((tables.answer(), database.answer()) == before) == commits:
                    raise WrongAnswerError("a rollback left something of its block, or a commit nothing")
                return spent / times / count * 1e6  # noqa: B023

            return turn

        runs: Runs = {
            "livedirs, commit": run(lambda work: ours(tables, work, back=False), True),
            "livedirs, rollback": run(lambda work: ours(tables, work, back=True), False),
            "sqlite3, COMMIT": run(lambda work: theirs(database, work, "COMMIT"), True),
            "sqlite3, ROLLBACK": run(lambda work: theirs(database, work, "ROLLBACK"), False),
        }
        measured = Measured(
            "rollback", f"{count:,} writes in a block", "us/write", reference="livedirs, commit"
        )
        yield lab.absent(lab.alternate(measured, runs), "has no rollback")
    tables.close()
    database.close()


def ours(tables: LiveDirs, work: Work, *, back: bool) -> None:
    directory = tables.input
    with tables.store.update() as transaction:
        for key, value in work:
            directory[key] = value
        if back:
            transaction.rollback()


def theirs(database: Sqlite, work: Work, end: str) -> None:
    connection = database.connection
    connection.execute("BEGIN")
    update = connection.cursor().execute
    for key, value in work:
        update("UPDATE input SET value = ? WHERE key = ?", (value, key))
    connection.execute(end)
