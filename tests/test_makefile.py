"""`make help` is complete: each target says what it is for; and what calls `make` calls what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE)
CALLERS = [ROOT / ".ci" / "run", ROOT / "CONTRIBUTING.md", ROOT / "README.md"]
CALLERS += sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CALL = re.compile(r"(?:^|`|run: |&& )make((?: [a-z-]+)+)", re.MULTILINE)


def test_every_target_is_listed_by_help():
    command = re.search(r"sed -n 's/(.*):\.\*## ", MAKEFILE)
    assert command and command[1] == r"^\([a-z-]*\)"  # what the next line does in Python
    listed = re.findall(r"^([a-z-]*):.*## ", MAKEFILE, re.MULTILINE)
    assert listed == TARGETS


def test_every_target_is_phony():
    phony = re.search(r"^\.PHONY:((?:\\\n|.)*)$", MAKEFILE, re.MULTILINE)[1]
    assert sorted(phony.replace("\\\n", " ").split()) == sorted(TARGETS)


@pytest.mark.parametrize("caller", CALLERS, ids=lambda path: path.name)
def test_what_is_called_is_a_target(caller):
    called = " ".join(CALL.findall(caller.read_text(encoding="utf-8"))).split()
    assert called
    assert set(called) <= set(TARGETS)
