"""Whether the package has what a contract says: a stub with the names and signatures that must stand.

What the package has beside that is welcome. Compared are names of classes, their bases, and of each function
and property the parameters, defaults and types, as they are written; type variables go by their plain names.

    python packaging/contract.py ../shared/api.pyi
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "python" / "livedirs"
SOURCES = ["_native.pyi", "_types.py", "_names.py", "_cursor.py", "_errors.py"]

TYPE = re.compile(r"^type (\w+)(\[.*?\])? =", re.MULTILINE)  # a statement that Python 3.11 does not know

Surface = dict[str, dict[str, list[str]]]  # class -> member -> its signatures; "" holds the module's own


def plain(node: ast.AST | None) -> str:
    """A type as it is written, in the words of both sides."""
    text = ast.unparse(node) if node else "None"
    text = re.sub(r"\b_(?=[A-Z])", "", text).replace("V_contra", "V").replace("_native.", "")
    return text.replace("'", "")


def parameters(arguments: ast.arguments) -> Iterator[str]:
    """Parameters but for the first, with type and default; whether callers may name one is left out."""
    ordinary = [*arguments.posonlyargs, *arguments.args]
    missing = len(ordinary) - len(arguments.defaults)
    for at, one in enumerate(ordinary[1:], 1):
        yield f"{one.arg}: {plain(one.annotation)}" + (
            f" = {plain(arguments.defaults[at - missing])}" if at >= missing else ""
        )
    if arguments.vararg:
        yield f"*{arguments.vararg.arg}: {plain(arguments.vararg.annotation)}"
    elif arguments.kwonlyargs:
        yield "*"
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield f"{one.arg}: {plain(one.annotation)}" + (f" = {plain(default)}" if default else "")


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    result = plain(node.returns)
    decorators = [plain(one) for one in node.decorator_list]
    if "property" in decorators:
        return result
    if isinstance(node, ast.AsyncFunctionDef):
        result = f"Coroutine[Any, Any, {result}]"
    if node.name in {"__init__", "__new__"}:
        result = "None"
    return f"({', '.join(parameters(node.args))}) -> {result}"


def surface(paths: list[Path]) -> Surface:
    """What the files define, all together: `Cursor` of Python has what that of Rust has."""
    found: Surface = defaultdict(lambda: defaultdict(list))
    for path in paths:
        text = TYPE.sub(r"\1 =", path.read_text(encoding="utf-8"))
        for thing in ast.parse(text).body:
            if isinstance(thing, ast.ClassDef):
                found[thing.name]["bases"] += sorted(plain(base) for base in thing.bases)
            for part in thing.body if isinstance(thing, ast.ClassDef) else [thing]:
                owner = found[thing.name if isinstance(thing, ast.ClassDef) else ""]
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    owner[part.name.replace("__new__", "__init__")].append(signature(part))
                elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    owner[part.target.id].append(plain(part.annotation))
    return found


def differences(contract: Surface, real: Surface) -> Iterator[str]:
    for cls, members in contract.items():
        if cls and cls not in real:
            yield f"{cls} is missing"
            continue
        for name, wanted in members.items():
            there = real[cls].get(name, [])
            if missing := [one for one in wanted if one not in there]:
                yield f"{cls}.{name}\n    contract {missing}\n    package  {there}"


def main() -> None:
    (contract,) = sys.argv[1:]
    found = list(differences(surface([Path(contract)]), surface([PACKAGE / name for name in SOURCES])))
    print(*found, sep="\n")
    if found:
        raise SystemExit(f"{len(found)} differ")


if __name__ == "__main__":
    main()
