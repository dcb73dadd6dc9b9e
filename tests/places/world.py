"""A world in which user code raises at one place, the kinds of exceptions, and what they may mean there."""

import asyncio

from livedirs import DirName, DirNotFoundError, Store, Sum

# ---- the kinds


class Own(Exception): ...


class Odd(Exception):
    """Can't be made again from its `args`."""

    def __init__(self, what, where, *, why):
        super().__init__(what)
        self.where, self.why = where, why


KINDS = {
    "exception": lambda: Own("why", 1),
    "odd_arity": lambda: Odd("what", "where", why="why"),
    "KeyError": lambda: KeyError("why"),
    "TypeError": lambda: TypeError("why"),
    "AttributeError": lambda: AttributeError("why"),
    "StopIteration": lambda: StopIteration("why"),
    "MemoryError": lambda: MemoryError("why"),
    "RecursionError": lambda: RecursionError("why"),
    "ExceptionGroup": lambda: ExceptionGroup("why", [Own("one"), KeyError("two")]),
    "DirNotFoundError": lambda: DirNotFoundError("why"),
    "GeneratorExit": lambda: GeneratorExit("why"),
    "KeyboardInterrupt": lambda: KeyboardInterrupt("why"),
    "SystemExit": lambda: SystemExit(3),
    "CancelledError": lambda: asyncio.CancelledError("why"),
}

# ---- what an exception may mean

ARRIVES = "the very object arrives, and all is undone"
WRAPPED = "Python gives a RuntimeError, whose cause it is: it is a StopIteration that leaves a generator"
ENDS = "an iterator is at its end: nothing is raised"
NO_SUCH_KEY = "the key is not there: KeyError(3)"
LOGGED = "it is logged: nothing is undone"
AFTER = "the very object arrives, and nothing is undone"
DIFFERENT = "the two are different: nothing is raised"
UNRAISABLE = "Python reports it, and nothing is undone"
NOT_THERE = "an attribute that raises it is not there: TypeError, for a reducer has that attribute"


class World:
    """A store whose user code raises `error` at one place while it is armed.

    /d/ is written to. Before the place is reached others have been at work: a fold, and a mapper that makes
    directories.
    """

    def __init__(self, place, error=None):
        self.place, self.error = place, error
        self.armed = False
        self.raised = 0
        self.store = Store()
        self.d = self.store.mkdir("/d/", {1: 10, 2: 20})
        self.d.map_reduce("/a-total/", lambda key, values: [("all", values[0])], Sum())
        self.d.map("/b-maker/", self.make_for)

    def make_for(self, key, values):
        self.store.mkdir(DirName("/made/") / key, {key: values[0]})
        return [(key, values[0] + self.store["/a-total/"].get("all", 0))]

    def fault(self, when=True):
        if self.armed and when:
            self.raised += 1
            raise self.error

    def write(self):
        self.d.update({1: 11, 2: 21, 3: 30})

    def build(self):
        self.act = self.place.build(self) or self.write
        return self


class Place:
    """`build(world)` sets up what runs user code, and returns what runs it (by default, a write).

    `note`: what the notes on the exception say.
    """

    def __init__(self, build, note=(), means=None, interrupts=ARRIVES, others=ARRIVES):
        self.build, self.note = build, note
        self.means = means or {}
        self.interrupts, self.others = interrupts, others

    def meaning(self, kind, error):
        return self.means.get(kind, self.others if isinstance(error, Exception) else self.interrupts)


PLACES = {}

OUT = ("/out/", "/d/", "key 3")


def place(note=(), **means):
    def add(build):
        PLACES[build.__name__] = Place(build, note, **means)
        return build

    return add


IN_GENERATOR = {"StopIteration": WRAPPED}


class Truth:
    def __init__(self, w, value):
        self.w, self.value = w, value

    def __bool__(self):
        self.w.fault(self.value == 30)
        return True
