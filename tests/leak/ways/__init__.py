"""Ways in which things of a store come and go; each leaves a store as it found it.

A way is set up once on a store of its own and gives a function of the number of the round. After some rounds
have filled what is kept on purpose (a lazy value for ten transactions, say), a round more changes no count
and takes no memory. Names and keys bear the number of the round, so that whatever is kept for each is seen.
"""

from ways import directories, exceptions, keys, readers, stores, transactions  # noqa: F401
from ways._way import WAYS

__all__ = ["WAYS"]
