"""Places where user code runs: reducers, what built-in ones fold, and arithmetic of values."""

from livedirs import Max, Mean, Min, Sum
from places.world import OUT, PLACES, Place


class Adding:
    """A sum, and how many."""

    def __init__(self, w, at):
        self.w, self.at = w, at

    @property
    def initial(self):
        self.w.fault(self.at == "initial")
        return (0, 0)

    def add(self, acc, value):
        self.w.fault(self.at == "add" and value == 30)
        return (acc[0] + value, acc[1] + 1)

    def remove(self, acc, value):
        self.w.fault(self.at == "remove" and value == 10)
        return (acc[0] - value, acc[1] - 1) if acc[1] > 1 else None

    def result(self, acc):
        self.w.fault(self.at == "result")
        return acc[0]


def adding(at):
    def build(w):
        w.d.group_by("/grouped/", lambda key, value: key % 2).reduce("/out/", Adding(w, at))

    return build


for at in ("add", "remove", "result", "initial"):
    PLACES[f"reducer_{at}"] = Place(adding(at), ("/out/", "reducing", "key"))


def folding(reducer):
    def build(w):
        w.d.reduce("/out/", reducer(lambda value: w.fault(value == 30) or value))

    return build


for reducer in (Sum, Min, Max, Mean):
    PLACES[f"of_{reducer.__name__}"] = Place(folding(reducer), OUT)


class Number:
    """Adds up and compares, in code of the user's."""

    def __init__(self, w, n):
        self.w, self.n = w, n

    def __radd__(self, other):
        return self + other

    def __add__(self, other):
        n = other.n if isinstance(other, Number) else other
        self.w.fault(30 in (self.n, n))
        return Number(self.w, self.n + n)

    def __truediv__(self, count):
        return self.n / count

    def __lt__(self, other):
        self.w.fault(30 in (self.n, other.n))
        return self.n < other.n

    def __gt__(self, other):
        return other < self

    def __eq__(self, other):
        return self.n == other.n

    __hash__ = None

    def __repr__(self):
        return f"Number({self.n})"


def arithmetic(reducer):
    def build(w):
        w.d.map_reduce("/out/", lambda key, values: [(key % 2, Number(w, values[0]))], reducer())

    return build


for reducer in (Sum, Min, Max, Mean):
    PLACES[f"arithmetic_of_{reducer.__name__}"] = Place(arithmetic(reducer), ("/out/", "key 1", "reducing"))
