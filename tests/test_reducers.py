import enum
import math
import statistics
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedirs import Count, Max, Mean, Min, Store, Sum
from support import label, unchanged

inf, nan = math.inf, math.nan


def as_float(x):
    try:
        return float(x)
    except OverflowError:
        return inf if x > 0 else -inf


def rounded(fraction):
    try:
        return float(fraction)
    except OverflowError:
        return inf if fraction > 0 else -inf


def oracle_sum(values):
    """Ints exactly; with a float among them the exact sum of the floats that they are, rounded once."""
    if not any(isinstance(x, float) for x in values):
        return sum(values)
    floats = [as_float(x) for x in values]
    if all(map(math.isfinite, floats)):
        return rounded(sum(map(Fraction, floats)))
    return sum(x for x in floats if not math.isfinite(x))


def oracle_mean(values):
    """The sum divided by their number; None where the spec is silent: a sum of floats that overflows."""
    if not any(isinstance(x, float) for x in values):
        return rounded(Fraction(sum(values), len(values)))
    return oracle_sum(values) / len(values) if math.isfinite(oracle_sum(values)) else None


ORACLES = {Sum: oracle_sum, Count: len, Min: min, Max: max}


def same(a, b):
    """Equal and of one type; two NaNs are equal."""
    return type(a) is type(b) and (a == b or (a != a and b != b))


def folded(reducer, values):
    d = Store().mkdir("/d/", list(enumerate(values)))
    return d.map_reduce("/out/", lambda key, vs: [(0, v) for v in vs], reducer)[0]


numbers = st.one_of(
    st.integers(-10, 10),
    st.booleans(),
    st.integers(),
    st.sampled_from(
        [2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, -(10**30), 10**400, -(10**400)]
    ),
    st.floats(),
    st.floats(-10, 10),
    st.sampled_from([0.0, -0.0, 0.1, 1e16, -1e16, 1e308, -1e308, 5e-324, inf, -inf, nan]),
)
kinds_of_numbers = st.one_of(
    st.just(numbers),
    st.just(st.integers()),
    st.just(st.one_of(st.integers(-3, 3), st.booleans())),
    st.just(st.floats(allow_nan=False, allow_infinity=False)),
    st.just(st.one_of(st.integers(-3, 3), st.floats(-3, 3))),
)
writes = kinds_of_numbers.flatmap(
    lambda values: st.lists(
        st.tuples(st.integers(0, 5), st.one_of(st.none(), values, st.lists(values, max_size=3))), max_size=12
    )
)


@given(writes)
@example([(0, inf), (1, -inf), (0, None), (1, 1), (1, None)])
@example([(0, nan), (1, 2), (0, None), (2, inf), (2, 1.5)])
@example([(0, 1e308), (1, 1e308), (2, -1e308), (1, None)])
@example([(0, 1e16), (1, 1.0), (0, None)])
@example([(0, 10**400), (1, 0.5), (0, None), (1, None), (2, 7)])
@example([(0, 2), (1, nan), (2, 1), (0, None), (1, None)])
@example([(0, True), (1, 1), (2, 1.0), (0, None), (3, True)])
@example([(0, 0.1)] * 3 + [(1, 0.2), (2, 0.3), (0, None)])
def test_a_folded_key_equals_what_folding_from_scratch_gives_whatever_came_and_went(program):
    store = Store()
    d = store.mkdir("/d/")
    outs = {
        kind: d.map_reduce(f"/{kind.__name__}/", lambda key, values: [(0, v) for v in values], kind())
        for kind in (Sum, Count, Min, Max, Mean)
    }
    for key, values in program:
        d.set_all(key, [] if values is None else values if isinstance(values, list) else [values])
        everything = [v for _, vs in d.entries() for v in vs]
        if not everything:
            assert not any(outs.values())
            continue
        for kind, oracle in ORACLES.items():
            expected = oracle(everything)
            assert same(outs[kind][0], expected), (kind, everything, outs[kind][0], expected)
        mean, expected = outs[Mean][0], oracle_mean(everything)
        assert type(mean) is float
        assert expected is None or same(mean, expected), (everything, mean, expected)


@pytest.mark.parametrize(
    "values, total",
    [
        ([1, 2, 3], 6),
        ([True, True, False], 2),
        ([2**63 - 1, 1], 2**63),
        ([-(2**63), -1], -(2**63) - 1),
        ([10**400, -(10**400), 7], 7),
        ([0.1] * 10, 1.0),
        ([1e16, 1.0, -1e16], 1.0),
        ([1e308, 1e308, -1e308], 1e308),
        ([1e308, 1e308], inf),
        ([-1e308, -1e308], -inf),
        ([1, 0.5], 1.5),
        ([2**53, 1, 1.0], 9007199254740994.0),
        ([True, 0.5], 1.5),
        ([10**400, 0.5], inf),
        ([-(10**400), 0.5], -inf),
        ([inf, 1], inf),
        ([inf, -inf], nan),
        ([inf, nan], nan),
        ([nan, 1], nan),
        ([5e-324, 5e-324], 1e-323),
        ([0.0], 0.0),
        ([1, -1.0], 0.0),
        ([10**30, -1e30], 0.0),
        ([Fraction(1, 3), Fraction(2, 3)], Fraction(1)),
        ([Decimal("0.1"), Decimal("0.2")], Decimal("0.3")),
        ([Fraction(1, 2), 1], Fraction(3, 2)),
        ([1, Decimal("0.5")], Decimal("1.5")),
        ([Fraction(1, 2), 0.5], 1.0),
        ([1j, 2], 2 + 1j),
    ],
    ids=label,
)
def test_sum(values, total):
    assert same(folded(Sum(), values), total)


@pytest.mark.parametrize(
    "values, mean",
    [
        ([1, 2], 1.5),
        ([1, 2, 3], 2.0),
        ([True, False], 0.5),
        ([10**400, 10**400 + 2], inf),
        ([10**400, -(10**400)], 0.0),
        ([2**53, 2**53 + 1, 2**53 + 2], float(2**53 + 1)),
        ([10**30, 1, 1], (10**30 + 2) / 3),
        ([0.1] * 10, 0.1),
        ([1, 2.5], 1.75),
        ([inf, 1], inf),
        ([inf, -inf], nan),
        ([nan], nan),
    ],
    ids=label,
)
def test_mean(values, mean):
    assert same(folded(Mean(), values), mean)


def test_mean_of_fractions_is_theirs():
    values = [Fraction(1, 3), Fraction(1, 2)]
    assert folded(Mean(), values) == statistics.mean(values)


@pytest.mark.parametrize(
    "values",
    [
        [3, 1, 2],
        [1.5, 1, 2.5],
        [2**53 + 1, float(2**53)],
        [10**400, 1e308, inf],
        [-inf, -(10**400)],
        [1, True, 1.0],
        [1.0, True, 1],
        [0.0, -0.0],
        [-0.0, 0.0],
        [nan, 1, 2],
        [1, nan, 2],
        [2, nan, 1],
        [2, 1, nan],
        [nan, nan],
        ["b", "a", "ab"],
        [(1, 2), (1,), (0, 9)],
        [Fraction(1, 3), 0.3, 1],
        [Decimal("1.5"), 1],
        [b"b", b"a"],
        [[2], [1]],
    ],
    ids=label,
)
def test_min_and_max_are_pythons(values):
    assert folded(Min(), values) is min(values) or repr(folded(Min(), values)) == repr(min(values))
    assert folded(Max(), values) is max(values) or repr(folded(Max(), values)) == repr(max(values))


@pytest.mark.parametrize(
    "content", [[3, 1, 2], ["b", "a", "c"], [Fraction(1, 2), 2, 0.25], [(1,), (0, 1), (2,)]], ids=label
)
def test_min_and_max_follow_when_the_least_and_the_greatest_go(content):
    store = Store()
    d = store.mkdir("/d/", enumerate(content))
    least = d.map_reduce("/least/", lambda key, values: [(0, values[0])], Min())
    greatest = d.map_reduce("/greatest/", lambda key, values: [(0, values[0])], Max())
    left = dict(enumerate(content))
    while len(left) > 1:
        for choose in (min, max):
            if len(left) > 1:
                key = choose(left, key=left.get)
                del left[key]
                del d[key]
            assert least[0] == min(left.values()) and greatest[0] == max(left.values())


@pytest.mark.parametrize("position", range(4))
def test_a_nan_in_min_and_max_counts_where_it_stands_and_goes_without_trace(position):
    store = Store()
    values = [2.0, 1.0, 3.0, 2.5]
    d = store.mkdir("/d/", enumerate(values))
    least = d.map_reduce("/least/", lambda key, vs: [(0, vs[0])], Min())
    greatest = d.map_reduce("/greatest/", lambda key, vs: [(0, vs[0])], Max())
    d[position] = nan
    with_nan = [*values[:position], nan, *values[position + 1 :]]
    assert same(least[0], min(with_nan)) and same(greatest[0], max(with_nan))
    d[position] = values[position]
    assert (least[0], greatest[0]) == (1.0, 3.0)
    del d[1]
    assert least[0] == 2.0


def test_a_sum_of_floats_keeps_no_rounding_of_what_went():
    d = Store().mkdir("/d/", {0: 0.1})
    total = d.map_reduce("/total/", lambda key, values: [(0, values[0])], Sum())
    mean = d.map_reduce("/mean/", lambda key, values: [(0, values[0])], Mean())
    for huge in (1e16, 1e300, -1e308, inf, -inf, nan, 10**400):
        d[1] = huge
        del d[1]
        assert total[0] == mean[0] == 0.1


def test_a_sum_that_loses_its_last_float_is_an_int_again():
    d = Store().mkdir("/d/", {0: 2**53, 1: 0.5, 2: 1})
    total = d.map_reduce("/total/", lambda key, values: [(0, values[0])], Sum())
    del d[1]
    assert same(total[0], 2**53 + 1)
    d[1] = 10**40
    assert same(total[0], 2**53 + 1 + 10**40)


def test_a_sum_changes_between_numbers_and_other_summands():
    d = Store().mkdir("/d/", {0: 1})
    total = d.map_reduce("/total/", lambda key, values: [(0, values[0])], Sum())
    d[1] = Fraction(1, 2)
    assert same(total[0], Fraction(3, 2))
    d[1] = 0.5
    assert same(total[0], 1.5)
    d[1] = Decimal(2)
    assert same(total[0], Decimal(3))
    del d[1]
    assert same(total[0], 1)


@pytest.mark.parametrize("reducer", [Sum, Min, Max, Mean])
@pytest.mark.parametrize(
    "values", [[1, "a"], [object(), object()], [None, 1], [1, []], [Decimal(1), "x"]], ids=label
)
def test_values_that_python_cannot_fold_are_its_type_error_and_change_nothing(reducer, values):
    store = Store()
    d = store.mkdir("/d/", {0: values[0]})
    if reducer in (Min, Max) or values[0] == 1:
        d.map_reduce("/out/", lambda key, vs: [(0, vs[0])], reducer())
        with unchanged(store), pytest.raises(TypeError):
            d[1] = values[1]
    else:
        d[1] = values[1]
        with unchanged(store), pytest.raises(TypeError):
            d.map_reduce("/out/", lambda key, vs: [(0, vs[0])], reducer())


def test_count_counts_anything():
    assert folded(Count(), [None, nan, object(), "x", []]) == 5


def test_reducers_have_the_methods_of_the_protocol():
    assert Sum().add(Sum().initial, 3) == 3
    assert Count().add(Count().add(Count().initial, "x"), None) == 2
    assert Count().remove(2, "x") == 1
    assert Sum(len).add(1, "abc") == 4
    assert Min().add(Min().initial, 3) == 3 and Min().add(2, 3) == 2
    assert Max().add(Max().initial, 3) == 3 and Max().add(2, 3) == 3


def test_an_int_subclass_counts_as_the_number_that_it_is():
    Size = enum.IntEnum("Size", {"S": 1, "L": 3})
    assert folded(Sum(), [Size.S, Size.L]) == 4
    assert folded(Max(), [Size.S, Size.L]) is Size.L
    assert folded(Mean(), [Size.S, Size.L]) == 2.0


def test_what_a_built_in_reducer_folded_can_be_asked_for_its_result():
    for reducer, result in [(Sum(), 4), (Count(), 2), (Min(), 1), (Max(), 3), (Mean(), 2.0)]:
        acc = reducer.add(reducer.add(reducer.initial, 1), 3)
        assert reducer.result(acc) == result, reducer
    assert Sum().remove(4, 1) == 3 and Sum().remove(4.0, 1.0) is None
    assert Mean().remove((1, 3), 1) is None  # fold again
    assert Mean().result((Fraction(1), Fraction(2))) == Fraction(3, 2)


@pytest.mark.parametrize("reducer", [Sum, Min, Max, Mean])
def test_reducers_are_equal_that_fold_alike(reducer):
    assert reducer() == reducer() and not reducer() != reducer() and hash(reducer()) == hash(reducer())
    assert reducer(len) == reducer(len) and reducer(len).of is len and reducer().of is None
    assert reducer(len) != reducer() != reducer(abs) and not reducer(len) == reducer(abs)
    assert reducer() != Count() and reducer() != 0
    with pytest.raises(TypeError):
        reducer() < reducer()


def test_counts_are_equal():
    assert Count() == Count() and not Count() != Count() and hash(Count()) == hash(Count())
    assert Count() != Sum()


def test_a_mapper_that_folds_alike_again_keeps_what_it_made():
    store = Store()
    d = store.mkdir("/d/", {1: "a"})
    words = store.mkdir("/words/", {1: "one", 2: "three"})

    def fold(key, values):
        made = [words.reduce(f"/{cls.__name__}/", cls(len)) for cls in (Sum, Min, Max, Mean)]
        return [(key, tuple(directory.created for directory in made))]

    folds = d.map("/folds/", fold)
    before = folds[1]
    d[1] = "b"
    assert folds[1] == before and dict(store["/Max/"]) == {1: 3, 2: 5}
