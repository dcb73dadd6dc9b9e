"""Places where user code runs: lazy functions, equality, what is given, hooks, callbacks, destructors."""

from places.folds import Adding
from places.world import AFTER, DIFFERENT, IN_GENERATOR, LOGGED, NO_SUCH_KEY, OUT, UNRAISABLE, Truth, place

# ---- lazy functions

LAZY = ("/lazy/", "key 3")
KEY_ERROR = {"KeyError": NO_SUCH_KEY}


def doubled(w):
    return lambda self, key: (w.d.get(key, 0) * 2, w.fault(key == 3))[0]


@place(LAZY, means=KEY_ERROR)
def lazy_function(w):
    lazy = w.store.lazy("/lazy/", doubled(w))
    return lambda: lazy[3]


@place(LAZY, means=KEY_ERROR | IN_GENERATOR)
def lazy_function_of_many(w):
    def fn(self, key):
        yield w.d.get(key)
        w.fault(key == 3)

    lazy = w.store.lazy("/lazy/", fn, many=True)
    return lambda: lazy[3]


@place(LAZY, means=KEY_ERROR)
def lazy_function_that_a_lazy_function_reads(w):
    below = w.store.lazy("/below/", doubled(w))
    lazy = w.store.lazy("/lazy/", lambda self, key: below[key] + 1)
    return lambda: lazy[3]


@place(("/lazy/", "/out/", "/d/", "key 3"), means=KEY_ERROR)
def lazy_function_that_a_mapper_reads(w):
    lazy = w.store.lazy("/lazy/", doubled(w))
    w.d.map("/out/", lambda key, values: [(key, lazy[key] + 1)])


@place(LAZY, means=KEY_ERROR)
def lazy_function_that_is_checked_again(w):
    lazy = w.store.lazy("/lazy/", lambda self, key: w.fault(3 in w.d) or len(w.d))
    w.store.mkdir("/only/", {3: 3}).map("/out/", lambda key, values: [(key, lazy[key] + 1)])


# ---- equality


class Touchy:
    """A value whose `==` is code of the user's."""

    def __init__(self, w, n, at=None):
        self.w, self.n, self.at = w, n, at

    def __eq__(self, other):
        self.w.fault(30 in (self.n, other.n) and not (self.at == "truth"))
        return Truth(self.w, max(self.n, other.n)) if self.at == "truth" else self.n == other.n

    __hash__ = None

    def __repr__(self):
        return f"Touchy({self.n})"


@place()
def equality_of_values_in_a_write(w):
    e = w.store.mkdir("/e/", {1: Touchy(w, 1), 2: Touchy(w, 30)})
    return lambda: e.update({1: Touchy(w, 2), 2: Touchy(w, 30)})


@place()
def equality_of_values_of_a_previous_directory(w):
    e = w.store.mkdir("/e/", {1: Touchy(w, 1)})
    e.previous()
    e[1] = Touchy(w, 30)
    return w.write


@place(OUT)
def equality_of_what_a_mapper_gives(w):
    w.d[3] = 29
    w.d.map("/out/", lambda key, values: [(key, Touchy(w, values[0]))])


@place(("/out/", "/d/", "key 1", "reducing"))
def equality_of_what_a_reducer_gives(w):
    class Wrapping(Adding):
        def result(self, acc):
            return Touchy(self.w, acc[0] - 11)

    w.d.map_reduce("/out/", lambda key, values: [(key % 2, values[0])], Wrapping(w, ""))


@place(("/lazy/", "key 3"))
def equality_of_what_a_lazy_function_gives(w):
    lazy = w.store.lazy("/lazy/", lambda self, key: Touchy(w, 29 + (3 in w.d)))
    w.store.mkdir("/only/", {3: 3}).map("/out/", lambda key, values: [(key, lazy[key].n)])


@place(others=DIFFERENT)
def truth_of_the_equality_of_values(w):
    e = w.store.mkdir("/e/", {1: Touchy(w, 1, "truth"), 2: Touchy(w, 30, "truth")})
    return lambda: e.update({1: Touchy(w, 1, "truth"), 2: Touchy(w, 30, "truth")})


class Times:
    def __init__(self, w, n=None):
        self.w, self.n = w, n

    def __call__(self, key, values):
        return [(key, values[0] * self.n)]

    def __eq__(self, other):
        self.w.fault()
        return self.n == other.n

    __hash__ = None


@place(("/out/", "key 0"), others=DIFFERENT)
def equality_of_mappers(w):
    switch = w.store.mkdir("/switch/", {0: 0})
    switch.map("/out/", lambda key, values: w.d.map("/inner/", Times(w, 5)) and None)
    return lambda: switch.update({0: switch[0] + 1})


class AlwaysAlike(Adding):
    def __eq__(self, other):
        self.w.fault()
        return True

    __hash__ = None


@place(("/out/", "key 0"), others=DIFFERENT)
def equality_of_reducers(w):
    switch = w.store.mkdir("/switch/", {0: 0})
    switch.map("/out/", lambda key, values: w.d.reduce("/inner/", AlwaysAlike(w, "")) and None)
    return lambda: switch.update({0: switch[0] + 1})


# ---- what is given


@place(means=IN_GENERATOR)
def values_of_set_all(w):
    def values():
        yield 1
        w.fault()
        yield 2

    return lambda: w.d.set_all(5, values())


@place(means=IN_GENERATOR)
def content_of_mkdir(w):
    def content():
        yield 1, 1
        w.fault()

    return lambda: w.store.mkdir("/new/", content())


@place(means=IN_GENERATOR)
def pairs_of_update(w):
    def pairs():
        yield 7, 7
        w.fault()

    return lambda: w.d.update(pairs())


class Mapping:
    """What `update` takes for a mapping: keys and items."""

    def __init__(self, w, at):
        self.w, self.at = w, at

    def keys(self):
        self.w.fault(self.at == "keys")
        return [7, 8]

    def __getitem__(self, key):
        self.w.fault(self.at == "item" and key == 8)
        return key


@place()
def keys_of_update(w):
    return lambda: w.d.update(Mapping(w, "keys"))


@place()
def items_of_update(w):
    return lambda: w.d.update(Mapping(w, "item"))


class Given:
    def __init__(self, w):
        self.w = w

    def __iter__(self):
        self.w.fault()
        return iter([(7, 7)])


@place()
def iterable_of_update(w):
    return lambda: w.d.update(Given(w))


@place()
def iterable_of_mkdir(w):
    return lambda: w.store.mkdir("/new/", Given(w))


@place()
def iterable_of_multi_map(w):
    class Parent:
        def __iter__(self):
            w.fault()
            return iter([w.d, lambda key, values: [(key, 1)]])

    return lambda: w.store.multi_map("/new/", [Parent()])


@place()
def ranges_of_a_mapper(w):
    class Range(Given):
        def __iter__(self):
            w.fault()
            return iter((1, ...))

    return lambda: w.d.map("/new/", lambda key, values: [(key, 1)], within=[Range(w)])


# ---- hooks, callbacks, destructors


@place(note=["in a hook", "hook_on_create"])
def hook_on_create(w):
    def hook(store):
        store["/d/"][6] = 60
        w.fault()

    return lambda: w.store.mkdir("/new/", {1: 1}, on_create=hook)


@place(note=["in a hook", "hook_on_delete"])
def hook_on_delete(w):
    def hook(store):
        store["/d/"][6] = 60
        w.fault()

    w.store.mkdir("/hooked/", {1: 1}, on_delete=hook)
    return lambda: w.store.remove_dir("/hooked/")


@place(others=LOGGED, interrupts=AFTER)
def callback_on_commit(w):
    called = w.store.mkdir("/called/")

    def write():
        with w.store.update():
            w.write()
            w.store.on_commit(w.fault)
            w.store.on_commit(lambda: called.update({"n": called.get("n", 0) + 1}))

    return write


class Dying:
    def __init__(self, w):
        self.w = w

    def __del__(self):
        self.w.fault()

    def __eq__(self, other):
        return True

    def __repr__(self):
        return "Dying()"

    __hash__ = None


@place(others=UNRAISABLE, interrupts=UNRAISABLE)
def destructor(w):
    e = w.store.mkdir("/e/", {1: Dying(w), 2: Dying(w)})
    return lambda: e.update({1: None, 2: None})


@place(others=UNRAISABLE, interrupts=UNRAISABLE)
def destructor_of_what_a_mapper_gives(w):
    w.d.map("/out/", lambda key, values: [(key, Dying(w)), (key, values[0])])
