"""The Markdown of the project as something that runs: its pages, the blocks in them, and what these show.

A block of Python is one of two things. With prompts (`>>>`) it is a session, run as a doctest. Without,
it is a part of a program, run as it stands; a block of `text` right after it shows what it prints. All
blocks of a page share their names, from its beginning to its end. What a notebook would show of an
object stands in a page as HTML, between comments that say which object:

    <!-- html of store -->
    ...
    <!-- end -->

`python tests/documents.py` writes these again, after a change of what notebooks show.
"""

import contextlib
import doctest
import io
import re
import sys
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    page
    for place in ("*.md", "docs/**/*.md", "benchmarks/**/*.md", "examples/**/*.md")
    for page in ROOT.glob(place)
    if "node_modules" not in page.parts
    if page.name != "THIRD-PARTY-LICENSES.md"  # is not ours
)

FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"(<!-- html of ([^\n]+) -->\n)(.*?)(\n<!-- end -->)", re.DOTALL)
PARSER = doctest.DocTestParser()


class Block:
    """A fenced block: its language, its text, and the number of the line before it."""

    def __init__(self, text, match):
        self.language, self.text = match[1], match[2]
        self.line = text.count("\n", 0, match.start(2))
        self.start, self.end = match.span()

    @property
    def is_a_session(self):
        return ">>> " in self.text


def blocks(page, *languages):
    text = page.read_text(encoding="utf-8")
    return [Block(text, match) for match in FENCED.finditer(text) if match[1] in languages]


def run_session(text, name, names=None, line=0):
    """Run the examples of a text; AssertionError with what differs, as doctest tells it."""
    told = []
    # Each block has a name of its own: a traceback through two of them finds the lines of both.
    test = PARSER.get_doctest(text, {}, f"{name}, line {line}", name, line)
    test.globs = {} if names is None else names
    results = doctest.DocTestRunner(verbose=False).run(test, out=told.append, clear_globs=False)
    assert results.attempted, f"{name} has no example in the block at line {line}"
    assert not results.failed, "".join(told)


def run_program(text, name, names, line=0, shown=None):
    """Run a part of a program; AssertionError if it prints something else than is shown (None: nothing)."""
    printed = io.StringIO()
    code = compile("\n" * line + text, name, "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    assert printed.getvalue() == (shown or ""), f"{name}, line {line}, prints\n{printed.getvalue()}"


def run_page(page):
    """Run all blocks of a page; what a notebook would show where the page shows it."""
    text = page.read_text(encoding="utf-8")
    name = str(page.relative_to(ROOT))
    names = {"__name__": "__main__"}
    shown = []
    parts = [*blocks(page, "python", "text"), *(match for match in SHOWN.finditer(text))]
    parts.sort(key=lambda part: part.start if isinstance(part, Block) else part.start())
    for part, after in pairwise([*parts, None]):
        if not isinstance(part, Block):
            shown.append(eval(part[2], names)._repr_html_())
        elif part.language == "python" and part.is_a_session:
            run_session(part.text, name, names, part.line)
        elif part.language == "python":
            prints = isinstance(after, Block) and after.language == "text"
            prints = prints and not text[part.end : after.start].strip("\n")
            run_program(part.text, name, names, part.line, after.text if prints else None)
    return shown


def main():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if SHOWN.search(text):
            shown = iter(run_page(page))
            new = SHOWN.sub(lambda match: match[1] + next(shown) + match[4], text)
            page.write_text(new, encoding="utf-8")
            sys.stdout.write(f"{page.relative_to(ROOT)}: {'as it was' if new == text else 'written'}\n")


if __name__ == "__main__":
    main()
