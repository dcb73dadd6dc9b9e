"""What the documentation shows is run: the blocks of README.md, and the examples in docstrings."""

import doctest
import inspect
import re
from pathlib import Path

import pytest

import livedirs

README = Path(__file__).parents[1] / "README.md"
FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PARSER = doctest.DocTestParser()


def blocks():
    return FENCED.findall(README.read_text(encoding="utf-8"))


def documented():
    """The package, each public class, and what it defines: name -> docstring with examples."""
    texts = {"livedirs": livedirs.__doc__}
    for name in livedirs.__all__:
        thing = getattr(livedirs, name)
        if inspect.isclass(thing):
            texts[name] = thing.__doc__
            parts = vars(thing).items()
            texts |= {f"{name}.{part}": getattr(value, "__doc__", None) for part, value in parts}
    return {name: text for name, text in texts.items() if isinstance(text, str) and ">>>" in text}


def run(text, name):
    """Run the examples of a text, in a namespace of their own; what differs, as doctest tells it."""
    told = []
    test = PARSER.get_doctest(text, {}, name, None, 0)
    results = doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert results.attempted, f"{name} has no example"
    assert not results.failed, "".join(told)


@pytest.mark.parametrize("block", blocks())
def test_a_python_block_of_the_readme_does_what_it_shows(block):
    run(block, "README.md")


def test_the_readme_has_a_python_block():
    assert blocks()


@pytest.mark.parametrize("name, text", documented().items(), ids=str)
def test_an_example_in_a_docstring_does_what_it_shows(name, text):
    run(text, name)


def test_an_example_that_lies_is_found():
    with pytest.raises(AssertionError, match="Expected"):
        run(">>> 1 + 1\n3\n", "a lie")
