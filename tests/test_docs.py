"""What the documentation says is tried: its examples are run, its links followed, its signatures compared."""

import ast
import codeop
import inspect
import re
import runpy
from html import unescape
from pathlib import Path

import pytest

import livedirs
from documents import DOCS, FENCED, PAGES, ROOT, SHOWN, blocks, run_page, run_program, run_session

OPERATIONS = DOCS / "operations"
STUBS = [
    Path(livedirs.__file__).parent / name for name in ("_native.pyi", "_types.py", "_names.py", "_cursor.py")
]

CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
RULE = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def title(page):
    return str(page.relative_to(ROOT))


# ---------------------------------------------------------------------------------------------- what is run


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=title)
def test_the_python_blocks_of_a_page_do_what_they_show(page):
    written = [match[3] for match in SHOWN.finditer(page.read_text(encoding="utf-8"))]
    assert run_page(page) == written, "python tests/documents.py writes them again"


def test_an_example_that_lies_is_found():
    with pytest.raises(AssertionError, match="Expected"):
        run_session(">>> 1 + 1\n3\n", "a lie")


def test_a_session_without_an_example_is_found():
    with pytest.raises(AssertionError, match="no example"):
        run_session("print(1)\n", "a block")


@pytest.mark.parametrize("shown", ["2\n", "", "1", "1\n1\n", None])
def test_a_program_that_prints_something_else_than_is_shown_is_found(shown):
    run_program("print(1)", "a program", {}, shown="1\n")
    with pytest.raises(AssertionError, match="prints\n1"):
        run_program("print(1)", "a program", {}, shown=shown)


def test_what_the_site_copies_of_a_session_can_be_typed_at_a_prompt():
    sessions = runpy.run_path(str(DOCS / "_site" / "sessions.py"))
    waiting = ""
    found = [
        (page, match) for page in PAGES for match in sessions["SESSION"].finditer(page.read_text("utf-8"))
    ]
    for page, match in found:
        for line in sessions["typed"](match).splitlines():
            if line.startswith((">>>", "...")):
                waiting += line[4:]
                complete = codeop.compile_command(waiting)  # SyntaxError where a statement begins too early
                waiting = "" if complete else waiting + "\n"
        assert waiting == "", f"{title(page)} ends in the midst of a statement"
    assert len(found) > 80


def test_blocks_are_in_languages_that_are_tried_or_are_output():
    known = {"python", "pyi", "sh", "text", "toml"}
    odd = {(title(page), match[1]) for page in PAGES for match in FENCED.finditer(page.read_text("utf-8"))}
    assert sorted((page, language) for page, language in odd if language not in known) == []


def made(text):
    """The targets of make that a text tells one to make: in code, where "make" is no verb."""
    fenced = (match[2] for match in FENCED.finditer(text) if match[1] == "sh")
    code = [*fenced, *re.findall(r"^    .*$", text, re.MULTILINE), *CODE.findall(text)]
    return {target for part in code for target in MAKE.findall(part)}


@pytest.mark.parametrize("page", [page for page in PAGES if made(page.read_text("utf-8"))], ids=title)
def test_what_a_page_tells_one_to_make_is_in_the_makefile(page):
    targets = set(RULE.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    assert sorted(made(page.read_text(encoding="utf-8")) - targets) == []


def test_a_target_of_make_is_found_in_code_only():
    assert made("to make sense, `make test` and\n```sh\nmake docs ARGS=-x  # a comment\n```\n") == {
        "test",
        "docs",
    }


@pytest.mark.parametrize("page", sorted(OPERATIONS.glob("*.md")), ids=title)
def test_a_page_of_an_operation_shows_an_example_and_the_list_of_them_none(page):
    assert (page == OPERATIONS / "README.md") != bool(blocks(page, "python"))


def test_the_drawing_of_a_flowchart_is_one_of_that_flowchart():
    page = DOCS / "how-it-prints-itself.md"
    drawn = re.search(r"<desc>(.*?)</desc>", (DOCS / "drawings/to_mermaid.svg").read_text("utf-8"), re.DOTALL)
    assert unescape(drawn[1]) in page.read_text(encoding="utf-8"), "python docs/_site/draw.py draws it again"


# ---------------------------------------------------------------------------------------------------- links


def prose(page):
    """The text of a page without its code."""
    return CODE.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page):
    """The anchors that GitHub gives to the headings of a page."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)]
    return {
        slug if (before := slugs[:at].count(slug)) == 0 else f"{slug}-{before}"
        for at, slug in enumerate(slugs)
    }


def broken(page, target):
    """Why a link of a page leads nowhere; None if it does not, or leads out of the project."""
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    there = (page.parent / path).resolve() if path else page
    if not there.exists():
        return f"{target}: no such file"
    if anchor and anchor not in anchors(there):
        return f"{target}: no such heading; there are {sorted(anchors(there))}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_the_links_of_a_page_lead_somewhere(page):
    assert [why for target in LINK.findall(prose(page)) if (why := broken(page, target))] == []


def test_a_link_that_leads_nowhere_is_found():
    page = OPERATIONS / "map.md"
    assert broken(page, "no-such-page.md")
    assert broken(page, "filter.md#no-such-heading")
    assert broken(page, "#no-such-heading")
    assert not broken(page, "filter.md#cost")
    assert not broken(page, "https://example.com/")


def test_the_index_lists_every_operation_once():
    index = OPERATIONS / "README.md"
    rows = [line for line in prose(index).splitlines() if line.startswith("|")]
    listed = [target.partition("#")[0] for row in rows for target in LINK.findall(row)]
    pages = [page.name for page in OPERATIONS.glob("*.md") if page != index]
    assert sorted(set(listed)) == sorted(pages)


# ---------------------------------------------------------------------------- signatures and docstrings


class PublicNames(ast.NodeTransformer):
    """Type variables as readers are shown them, and nothing but the signature."""

    def visit_Name(self, node):
        return ast.Name(id=node.id.removeprefix("_"), ctx=node.ctx)

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.body = [ast.Expr(ast.Constant(...))]
        node.decorator_list = [each for each in node.decorator_list if ast.unparse(each) != "overload"]
        return node


def signatures(text):
    """(class, signature) of each method that the classes of the text define."""
    classes = [thing for thing in ast.parse(text).body if isinstance(thing, ast.ClassDef)]
    return [
        (thing.name, ast.unparse(PublicNames().visit(part)))
        for thing in classes
        for part in thing.body
        if isinstance(part, ast.FunctionDef)
    ]


@pytest.mark.parametrize("page", sorted(OPERATIONS.glob("*.md")), ids=title)
def test_the_signatures_on_a_page_are_those_of_the_stub(page):
    real = {found for stub in STUBS for found in signatures(stub.read_text(encoding="utf-8"))}
    shown = [signatures(block.text) for block in blocks(page, "pyi")]
    assert all(shown), "a block without the signature of a method"
    assert [found for block in shown for found in block if found not in real] == []
    assert shown or page.name in {"README.md", "made-by-mappers.md"}


def documented():
    """The package, each public class, and what it defines: name -> docstring."""
    texts = {"livedirs": livedirs.__doc__}
    for name in livedirs.__all__:
        thing = getattr(livedirs, name)
        if inspect.isclass(thing):
            texts[name] = thing.__doc__
            # That of Cursor is written in Python, on one of the same name in Rust.
            same = [part for part in reversed(thing.__mro__) if part.__name__ == name]
            parts = {key: value for part in same for key, value in vars(part).items()}.items()
            texts |= {f"{name}.{part}": getattr(value, "__doc__", None) for part, value in parts}
    return {name: text for name, text in texts.items() if isinstance(text, str)}


@pytest.mark.parametrize("name", [name for name, text in documented().items() if ">>>" in text])
def test_an_example_in_a_docstring_does_what_it_shows(name):
    run_session(documented()[name], name)


RECORDED = [
    *(
        "Store",
        "Transaction",
        "Commit",
        "Directory",
        "InputDirectory",
        "LazyDirectory",
        "Changes",
        "DirChanges",
    ),
    *("Cursor", "Subscription", "Fork", "Snapshot"),
]


def said(text):
    """A docstring without its example."""
    return inspect.cleandoc(text).partition("\n>>>")[0].strip()


@pytest.mark.parametrize("name", RECORDED)
def test_every_public_method_has_a_docstring_and_so_has_its_class_with_an_example(name):
    parts = vars(getattr(livedirs, name))
    assert [part for part in parts if not part.startswith("_") and f"{name}.{part}" not in documented()] == []
    assert ">>>" in documented().get(name, "")


def test_the_docstrings_of_the_stub_are_those_of_the_module_without_their_examples():
    shown = {}
    for thing in ast.parse(STUBS[0].read_text(encoding="utf-8")).body:
        if isinstance(thing, ast.ClassDef):
            parts = [part for part in thing.body if isinstance(part, ast.FunctionDef)]
            named = [(thing.name, thing), *((f"{thing.name}.{part.name}", part) for part in parts)]
            shown |= {name: text for name, node in named if (text := ast.get_docstring(node))}
    real = {name: said(text) for name, text in documented().items() if name in shown}
    assert real == shown
    assert [name for name in RECORDED if name not in shown] == []
