"""Docstrings as `help()` shows them: the stub has the signatures, the module has the examples too."""

import re
from typing import Any

import griffe

import livedirs

EXAMPLE = re.compile(r"^>>> .*?(?=\n\n(?!>>> )|\Z)", re.MULTILINE | re.DOTALL)


def of_module(path: str) -> str | None:
    """The docstring that the module has for a thing of the stub."""
    thing: Any = livedirs._native
    for part in path.split("."):
        thing = getattr(thing, part, None)
    text = getattr(thing, "__doc__", None)
    return text if isinstance(text, str) else None


def show_types_by_their_public_names(function: griffe.Function) -> None:
    """`_K` of the stub is K to a reader."""
    for annotation in (function.returns, *(parameter.annotation for parameter in function.parameters)):
        if isinstance(annotation, griffe.Expr):
            for part in annotation.iterate(flat=True):
                if isinstance(part, griffe.ExprName):
                    part.name = part.name.removeprefix("_")


class AsHelpShowsThem(griffe.Extension):
    """Puts the docstrings of the module in place of those of the stub, and examples into blocks."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Make members of methods that the stub has overloads of and nothing else."""
        for name, overloads in cls.overloads.items():
            if name not in cls.members:
                cls.set_member(name, overloads[0])
                overloads[0].overloads = list(overloads)
        cls.members = dict(sorted(cls.members.items(), key=lambda item: item[1].lineno or 0))

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if isinstance(obj, griffe.Function):
            for function in (obj, *(obj.overloads or ())):
                show_types_by_their_public_names(function)
        if obj.docstring is None:
            return
        text = obj.docstring.value
        path = obj.path.removeprefix("livedirs._native.")
        if path != obj.path:
            text = of_module(path) or text
        obj.docstring.value = EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", text.strip())
