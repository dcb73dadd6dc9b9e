"""Names of directories. The rules are Rust's; here is only the str that keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livedirs import _native

if TYPE_CHECKING:
    from typing import Self

    from livedirs._types import Key


class DirName(str):
    """A checked directory name: `DirName("/a/") / 7 == "/a/7/"`. Different keys give different names.

    >>> from livedirs import DirName
    >>> name = DirName("/of/") / ("ada", 7)
    >>> name, name.parent, name.parts
    (DirName('/of/(ada,7)/'), DirName('/of/'), ('of', '(ada,7)'))
    """

    __slots__ = ()

    def __new__(cls, name: str) -> Self:
        """Check the name; InvalidNameError says what is wrong with it."""
        _native.check_name(name)
        return super().__new__(cls, name)

    def __truediv__(self, key: Key) -> DirName:
        """Give the name of the child for a key; InvalidKeyError where it can't be one."""
        return super().__new__(type(self), _native.child_name(self, key))

    @property
    def parent(self) -> DirName | None:
        """The name without its last part; None for a name of one part."""
        head = self[: self.rindex("/", 0, -1) + 1]
        return None if head == "/" else super().__new__(type(self), head)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts between the slashes, as they are written."""
        return tuple(self[1:-1].split("/"))

    def __repr__(self) -> str:
        return f"DirName({str.__repr__(self)})"


DirName.__module__ = "livedirs"  # for help, and for pickles
