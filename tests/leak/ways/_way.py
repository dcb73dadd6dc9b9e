"""The list of ways, and how one gets there."""

from collections.abc import Callable

# name -> (options of its store, what sets it up)
WAYS: dict[str, tuple[dict, Callable]] = {}


def way(_set_up=None, **options):
    """Enter a function that takes a store and gives the function of a round; `options` are of the store."""

    def enter(set_up):
        WAYS[set_up.__name__] = options, set_up
        return set_up

    return enter if _set_up is None else enter(_set_up)
