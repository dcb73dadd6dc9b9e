"""Every place where a store runs code of the user's, for tests of what happens when that raises."""

from places import folds, mappers, others
from places.world import (
    AFTER,
    ARRIVES,
    DIFFERENT,
    ENDS,
    KINDS,
    LOGGED,
    NO_SUCH_KEY,
    NOT_THERE,
    PLACES,
    UNRAISABLE,
    WRAPPED,
    Own,
    World,
)

__all__ = [
    "folds",
    "mappers",
    "others",
    "AFTER",
    "ARRIVES",
    "DIFFERENT",
    "ENDS",
    "KINDS",
    "LOGGED",
    "NO_SUCH_KEY",
    "NOT_THERE",
    "PLACES",
    "UNRAISABLE",
    "WRAPPED",
    "Own",
    "World",
]
