"""THIRD-PARTY-LICENSES.md: the licence of every crate whose code is in the wheel. `make licences` writes it.

A crate is in the wheel if the binding reaches it over ordinary dependencies, on any platform; what only runs
while cargo builds (macros, build scripts, tests) is not. Where a crate leaves the choice, livedirs takes MIT,
and so only that text is given. A crate that offers no MIT, or brings no text, is an error: somebody has to
look.

    python packaging/licences.py           writes the file
    python packaging/licences.py --check   fails where the file is not what would be written
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILE = ROOT / "THIRD-PARTY-LICENSES.md"
SHIPPED = "livedirs-python"

HEAD = """\
# Licences of what is in the wheel

livedirs itself is under the MIT licence, see `LICENSE`. Its compiled module also holds code of the Rust
crates below, and of the Rust standard library. Where a crate leaves the choice of licence, livedirs takes
MIT. This file is written by `make licences`.
"""

STANDARD_LIBRARY = """\
## The Rust standard library

Copyright (c) The Rust Project Developers. MIT OR Apache-2.0, but for its table of Unicode properties
(Unicode-3.0, Copyright 1991-2024 Unicode, Inc). The notices of all its parts are in `COPYRIGHT-library.html`
of each distribution of Rust. The text of the MIT licence is the first of the next section.
"""


def metadata() -> dict[str, Any]:
    """What cargo knows of the workspace and all it depends on."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--quiet"]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    known: dict[str, Any] = json.loads(answer.stdout)
    return known


def is_macro(package: dict[str, Any]) -> bool:
    """Whether it runs in the compiler, and leaves nothing of itself in what is built."""
    return any("proc-macro" in target["kind"] for target in package["targets"])


def shipped(known: dict[str, Any]) -> list[dict[str, Any]]:
    """The foreign crates in the wheel, by name."""
    packages = {package["id"]: package for package in known["packages"]}
    nodes = {node["id"]: node for node in known["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] == SHIPPED]
    found = set(waiting)
    while waiting:
        for edge in nodes[waiting.pop()]["deps"]:
            ordinary = any(kind["kind"] is None for kind in edge["dep_kinds"])
            if ordinary and edge["pkg"] not in found and not is_macro(packages[edge["pkg"]]):
                found.add(edge["pkg"])
                waiting.append(edge["pkg"])
    foreign = [packages[key] for key in found if packages[key]["source"] is not None]
    return sorted(foreign, key=lambda package: (package["name"], package["version"]))


def text_of(package: dict[str, Any]) -> str:
    """The MIT licence as the crate words it."""
    who = f"{package['name']} {package['version']}"
    if "MIT" not in (package["license"] or ""):
        raise SystemExit(f"{who} is under {package['license']!r}, not MIT: read it, and teach {__file__}")
    folder = Path(package["manifest_path"]).parent
    upper = {path.name.upper(): path for path in sorted(folder.iterdir())}
    texts = [path for name, path in upper.items() if name.startswith("LICENSE") and "APACHE" not in name]
    if not texts:
        raise SystemExit(f"{who} brings no text of its licence: find it, and teach {__file__}")
    return "\n".join(line.rstrip() for line in texts[0].read_text(encoding="utf-8").strip().splitlines())


def page() -> str:
    """The whole file. Crates with the same text stand together."""
    crates = shipped(metadata())
    by_text = defaultdict(list)
    for package in crates:
        by_text[text_of(package)].append(f"{package['name']} {package['version']}")
    rows = [f"| {package['name']} | {package['version']} | {package['license']} |" for package in crates]
    table = "\n".join(["## The crates\n", "| crate | version | licence |", "| --- | --- | --- |", *rows, ""])
    sections = [f"### {', '.join(names)}\n\n```text\n{text}\n```\n" for text, names in by_text.items()]
    return "\n".join([HEAD, table, STANDARD_LIBRARY, "## The texts\n", *sections])


def main() -> None:
    """Write the file, or compare it."""
    wanted = page()
    if sys.argv[1:] != ["--check"]:
        FILE.write_text(wanted, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != wanted:
        raise SystemExit(f"{FILE.name} is not what the crates of Cargo.lock say: run `make licences`")


if __name__ == "__main__":
    main()
