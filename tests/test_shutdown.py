"""The interpreter comes to its end whatever is open: exit status 0, and nothing on stderr."""

import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import asyncio, atexit, gc, sys, threading, time, weakref
from livedirs import Store, Sum
store = Store()
d = store.mkdir("/d/", {n: n for n in range(10)})
m = d.map("/m/", lambda key, values: store.mkdir(f"/by/{key}/", {1: 1}) and [(key, values[0])])
"""

OPEN = {
    "store": "",
    "store in a cycle": "d[1] = store; d[2] = [d, m]",
    "transaction": """
        tx = store.update()
        tx.__enter__()
        d[1] = 5
        tx.cascade()
        """,
    "transaction in a transaction": """
        blocks = [store.update().__enter__() for _ in range(3)]
        d[1] = 5
        """,
    "transaction of a generator": """
        def work():
            with store.update():
                d[1] = 5
                yield
        generator = work()
        next(generator)
        """,
    "iterator": "iterator = d.entries(); next(iterator)",
    "snapshot": "snapshot = store.snapshot()",
    "fork": """
        fork = store.fork()
        fork["/d/"][1] = 4
        of_fork = fork.fork()
        """,
    "subscription": "subscription = d.subscribe(lambda changes: None); d[1] = 3",
    "lazy directory": """
        squares = store.lazy("/squares/", lambda self, n: d[n] ** 2)
        squares[3]
        """,
    "thread in a transaction": """
        opened = threading.Event()
        def hold():
            with store.update():
                d[1] = 3
                opened.set()
                threading.Event().wait()
        threading.Thread(target=hold, daemon=True).start()
        opened.wait()
        """,
    "thread in a long call, and a finalizer that wants the store": """
        rows = store.mkdir("/rows/", dict.fromkeys(range(1_000_000), 1))
        class Last:
            def __del__(self, store=store):
                store.tick
        sys.modules["last"] = Last()
        threading.Thread(target=rows.clear, daemon=True).start()
        time.sleep(0.1)
        """,
    "thread in a mapper": """
        entered = threading.Event()
        def slow(key, values):
            entered.set()
            threading.Event().wait()
        threading.Thread(target=lambda: d.map("/slow/", slow), daemon=True).start()
        entered.wait()
        """,
    "thread that waits for its turn": """
        tx = store.update()
        tx.__enter__()
        threading.Thread(target=lambda: store.update().__enter__(), daemon=True).start()
        """,
    "event loop": """
        async def main():
            async with store.update():
                d[1] = 2
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        """,
    "value with a destructor that uses the store": """
        class Last:
            def __del__(self):
                try:
                    d[1] = 1
                    len(store), store.stats()
                except Exception:
                    pass
        d[3] = Last()
        """,
    "store that is used at exit": """
        atexit.register(lambda: d.update({n: 2 for n in range(10)}))
        weakref.finalize(d, lambda: None)
        """,
    "exit in a mapper": """
        def leave(key, values):
            raise SystemExit(0)
        d.map("/leaves/", leave)
        """,
    "exit in a block": """
        with store.update():
            d[1] = 9
            sys.exit()
        """,
}


def run(code, *options):
    program = PRELUDE + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, *options, "-c", program], capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("code", OPEN.values(), ids=OPEN)
def test_what_is_open_at_exit_is_let_go(code):
    ran = run(code, "-W", "error")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


COMMITTING = """
def commit():
    while True:
        d[1] = d[1] + 1
for _ in range(3):
    threading.Thread(target=commit, daemon=True).start()
while d[1] < 50:
    pass
"""


@pytest.mark.skipif(
    sys.version_info < (3, 14),
    reason="before 3.14 Python unwinds daemon threads, which aborts the process where Rust called Python",
)
def test_daemon_threads_that_commit_at_exit_are_let_go():
    ran = run(COMMITTING, "-W", "error")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_threads_that_commit_at_exit_are_waited_for():
    ran = run(
        "over = False\n"
        + COMMITTING.replace("while True", "while not over").replace(", daemon=True", "")
        + "over = True"
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


CURSORS = {
    "cursor": "cursor = d.cursor(); d[1] = 3; cursor.poll()",
    "thread that waits": """
        cursor = d.cursor(since=store.tick)
        threading.Thread(target=cursor.wait, daemon=True).start()
        """,
    "thread that iterates": """
        cursor = store.cursor(since=store.tick)
        threading.Thread(target=lambda: [changes for changes in cursor], daemon=True).start()
        """,
}


@pytest.mark.parametrize("code", CURSORS.values(), ids=CURSORS)
def test_a_cursor_that_is_open_at_exit_warns_at_most(code):
    """It was dropped without being closed, which the warning is for; where Python still can, it tells."""
    ran = run(code)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    ran = run(code, "-W", "always::ResourceWarning")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert all("ResourceWarning" in line or line.startswith(" ") for line in ran.stderr.splitlines()), (
        ran.stderr
    )
