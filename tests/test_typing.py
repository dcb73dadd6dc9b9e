"""Types are inferred as the tour says, wrong uses are found, and the tour leaves nothing of the API out."""

import ast
import re
import runpy
from pathlib import Path

import pytest
from mypy import api

import livedirs

ROOT = Path(__file__).parents[1]
TOUR = ROOT / "examples" / "typed_tour.py"
SOURCES = [Path(livedirs.__file__).parent / name for name in ("_native.pyi", "_names.py", "_cursor.py")]

# What may not be said of users (of ints and strs), and the code of the error that mypy must give.
WRONG = {
    'users["1"]': "index",
    "users.get(None)": "call-overload",
    "users[1] = 1": "assignment",
    'users.update({"a": "b"})': "dict-item",
    "users.previous()[1] = 'x'": "index",
    "users.map('/m/', lambda key: [(key, 1)])": "misc",
    "users.map('/m/', lambda key, values: [key])": "return-value",
    "users.map_values('/m/', lambda value: [value], within=[(1, 2)])": "call-arg",
    "users.reduce('/r/', abs)": "arg-type",
    "users.slice('/s/', 'a', 'b')": "arg-type",
    "users.merge('/m/', numbers)": "arg-type",
    "store.mkdir('/d/', {object(): 1})": "type-var",
    "store.lazy('/l/', lambda self, key: key, many=1)": "call-overload",
    "store.update().result.tick": "union-attr",
    "store.stats().dirs = 1": "misc",
    "DirName('/d/') / {}": "operator",
    "Count(of=len)": "call-arg",
}
HEAD = """\
from livedirs import Count, DirName, InputDirectory, Store

store = Store()
users: InputDirectory[int, str] = store.mkdir("/users/")
numbers: InputDirectory[int, int] = store.mkdir("/numbers/")
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What mypy says of a program of all wrong lines and of the tour, in one run: its start takes long."""
    folder = tmp_path_factory.mktemp("typing")
    program = folder / "wrong.py"
    program.write_text(HEAD + "\n".join(WRONG) + "\n", encoding="utf-8")
    options = ["--strict", "--no-error-summary", "--config-file=", f"--cache-dir={folder}"]
    said, failed, _ = api.run([*options, str(program), str(TOUR)])
    assert not failed
    return re.findall(r"^(?:.*[\\/])??(\w+\.py:\d+: error: .*)$", said, re.MULTILINE)


def test_the_types_are_inferred_as_the_tour_says(told):
    assert [line for line in told if line.startswith(TOUR.name)] == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_use_is_found(told, line):
    at = HEAD.count("\n") + 1 + list(WRONG).index(line)
    here = [text for text in told if text.startswith(f"wrong.py:{at}: ")]
    assert [text for text in here if text.endswith(f"[{WRONG[line]}]")], here


def test_the_tour_runs(capsys):
    runpy.run_path(str(TOUR), run_name="__main__")
    assert livedirs.__version__ in capsys.readouterr().out


def members():
    """(class, member) of all that the stub and the Python parts make public."""
    for source in SOURCES:
        for thing in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(thing, ast.ClassDef):
                for part in thing.body:
                    if isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
                        yield thing.name, part.name


def test_the_tour_leaves_out_no_name_and_no_method():
    tour = ast.parse(TOUR.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tour) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tour) if isinstance(node, ast.Attribute)}
    assert [name for name in livedirs.__all__ if name not in names | attributes] == []
    assert [f"{cls}.{name}" for cls, name in members() if name not in attributes] == []
