"""The types that signatures name: keys, ranges, what mappers give, and what a reducer is."""

from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

Key: TypeAlias = None | bool | int | float | str | bytes | tuple["Key", ...]
"""What a key may be. The total order goes by type in this order; ints and floats compare by value."""

K = TypeVar("K", bound=Key)
T = TypeVar("T")
V = TypeVar("V")
V_contra = TypeVar("V_contra", contravariant=True)
A = TypeVar("A")

Pairs: TypeAlias = Iterable[tuple[K, V]] | Mapping[K, V] | None
"""What a mapper gives."""

Range: TypeAlias = tuple[T, T | EllipsisType]
"""Both ends belong to it; `...` as the upper end: no bound."""


@runtime_checkable
class Reducer(Protocol[V_contra, A]):
    """Folds the values of a key. `add` and `remove` must be each other's inverse, in any order of values.

    It may also have `result(acc)`: what readers see of the accumulator (a mean of (sum, count), say). It
    must not mutate `acc` or `initial`.
    """

    initial: A | None

    def add(self, acc: A | None, value: V_contra, /) -> A:
        """Fold one more value into the accumulator."""
        ...

    def remove(self, acc: A, value: V_contra, /) -> A | None:
        """Take a value out again; None: fold again from `initial`."""
        ...


Reducer.__module__ = "livedirs"
