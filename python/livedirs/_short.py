"""The repr of values, short: whatever a directory holds, to show it takes neither seconds nor gigabytes.

A text or bytes of a gigabyte are cut before they are written out, and of a list no more items are asked than
are shown. Only the types of Python itself can be looked into like that: any other object writes its own repr,
which is cut afterwards.
"""

from __future__ import annotations

import reprlib
from itertools import islice
from typing import Any


class Short(reprlib.Repr):
    """Give reprs of no more than `longest` characters, and of no more than `most` items a container."""

    def __init__(self, longest: int, most: int | None = None, levels: int = 6) -> None:
        super().__init__()
        self.maxlevel = levels
        self.maxstring = self.maxlong = self.maxother = longest
        if most is not None:
            self.maxtuple = self.maxlist = self.maxdict = self.maxset = self.maxfrozenset = most

    def repr(self, x: Any) -> str:
        """Give the repr, cut in its middle where it is too long. What a repr raises arrives."""
        return self._cut(super().repr(x))

    def repr1(self, x: Any, level: int) -> str:
        """Look into nothing but Python's own types: before 3.12, reprlib went by the name of a type alone."""
        if type(x).__module__ == "builtins":
            return super().repr1(x, level)
        return self.repr_instance(x, level)

    def repr_bytes(self, x: bytes | bytearray, level: int) -> str:  # noqa: ARG002
        """Cut it first, then write it out."""
        return self._cut(repr(x if len(x) <= self.maxstring else x[: self.maxstring] + x[-self.maxstring :]))

    repr_bytearray = repr_bytes

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """Keep the order, which reprlib does not."""
        if level <= 0 and x:
            return "{...}"
        shown = [
            f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}"
            for key, value in list(islice(x.items(), self.maxdict))
        ]
        if len(x) > len(shown):
            shown.append("...")
        return "{" + ", ".join(shown) + "}"

    def repr_instance(self, x: Any, level: int) -> str:  # noqa: ARG002
        """Let it write its own; reprlib would hide what that raises."""
        return self._cut(repr(x))

    def _cut(self, text: str) -> str:
        if len(text) <= self.maxother:
            return text
        head = (self.maxother - 3) // 2
        return text[:head] + "..." + text[len(text) - (self.maxother - 3 - head) :]


short = Short(1_000, most=20).repr
"""Of a key or a value, where one directory or what changed in it is shown."""
