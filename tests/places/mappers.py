"""Places where user code runs: mappers and predicates."""

from livedirs import DirName, Max, Sum
from places.world import ENDS, IN_GENERATOR, OUT, Truth, place

# ---- the places: mappers


@place(OUT)
def mapper(w):
    w.d.map("/out/", lambda key, values: w.fault(key == 3) or [(key, values[0])])


@place(OUT)
def mapper_of_several_parents(w):
    other = w.store.mkdir("/other/", {3: 5})
    w.store.multi_map(
        "/out/",
        [
            (w.d, lambda key, values: w.fault(key == 3) or [(key, values[0])]),
            (other, lambda key, values: [(key, values[0])]),
        ],
    )


@place(OUT)
def mapper_of_a_fold(w):
    w.d.map_reduce("/out/", lambda key, values: w.fault(key == 3) or [(key % 2, values[0])], Sum())


@place(OUT, means=IN_GENERATOR)
def generator_half_way(w):
    def fn(key, values):
        yield key, values[0]
        w.fault(key == 3)
        yield key, values[0] + 1

    w.d.map("/out/", fn)


class Iterator:
    """An iterator of one pair."""

    def __init__(self, w, pair):
        self.w, self.pair = w, pair

    def __iter__(self):
        return self

    def __next__(self):
        self.w.fault(self.pair[0] == 3)
        pair, self.pair = self.pair, (0, None)
        if pair[0] == 0:
            raise StopIteration
        return pair


@place(OUT, means={"StopIteration": ENDS})
def iterator_that_a_mapper_gives(w):
    w.d.map("/out/", lambda key, values: Iterator(w, (key, values[0])))


class Iterable:
    def __init__(self, w, key):
        self.w, self.key = w, key

    def __iter__(self):
        self.w.fault(self.key == 3)
        return iter([(self.key, self.key)])


@place(OUT)
def iterable_that_a_mapper_gives(w):
    w.d.map("/out/", lambda key, values: Iterable(w, key))


class Items(dict):
    """A mapping, and no exact dict."""

    def __init__(self, w, rows):
        super().__init__(rows)
        self.w = w

    def items(self):
        self.w.fault(3 in self)
        return super().items()


@place(OUT)
def mapping_that_a_mapper_gives(w):
    w.d.map("/out/", lambda key, values: Items(w, {key: values[0]}))


@place(OUT)
def map_values(w):
    w.d.map_values("/out/", lambda value: w.fault(value == 30) or value + 1)


@place(OUT)
def predicate(w):
    w.d.filter("/out/", lambda key, value: w.fault(key == 3) or value % 2)


@place(OUT)
def truth_of_what_a_predicate_gives(w):
    w.d.filter("/out/", lambda key, value: Truth(w, value))


@place(OUT)
def group(w):
    w.d.group_by("/out/", lambda key, value: w.fault(key == 3) or value % 2)


@place(OUT)
def group_of_a_fold(w):
    w.d.group_by("/out/", lambda key, value: w.fault(key == 3) or value % 2, Max())


@place(('"/inner/"', "/d/", "key 3"))
def mapper_of_a_directory_that_a_mapper_made(w):
    switch = w.store.mkdir("/switch/", {"on": 1})

    def make(key, values):
        w.d.map("/inner/", lambda k, vs: w.fault(k == 3) or [(k, vs[0])])
        return [(key, len(w.store["/inner/"]))]

    switch.map("/out/", make)


@place(OUT, means=IN_GENERATOR)
def content_of_a_directory_that_a_mapper_makes(w):
    def make(key, values):
        def content():
            yield 1, 1
            w.fault(key == 3)

        w.store.mkdir(DirName("/of/") / key, content())

    w.d.map("/out/", make)


@place(OUT)
def mapper_of_a_previous_directory(w):
    w.d.previous().map("/out/", lambda key, values: w.fault(key == 3) or [(key, values[0])])
    w.write()
    return lambda: w.d.update({4: 40})
