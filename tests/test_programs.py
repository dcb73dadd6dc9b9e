"""Random programs, each beside stores that are built from scratch: see `programs`.

The first 500 are run; `--programs 20000`, or LIVEDIRS_PROGRAMS=20000, runs as many. A failure prints a
program, as small as could be found, to be pasted and run.
"""

import subprocess
import sys

import pytest

from programs import Run, Wrong, check, generate
from programs.acts import Write
from programs.program import Program, Step, Transaction


def test_random_programs_equal_a_store_built_from_scratch(seeds):
    committed = failed = 0
    for seed in seeds:
        done = check(generate(seed))
        committed, failed = committed + done[0], failed + done[1]
    assert committed > failed > 0  # else the programs show little


def test_random_programs_keep_the_accounts_of_a_capacity(monkeypatch):
    # `_check_invariants` compares them with what there is.
    monkeypatch.setenv("LIVEDIRS_CAPACITY", "1000000G")
    for seed in range(1000, 1050):
        check(generate(seed))


def test_the_program_of_a_seed_is_always_the_same():
    for seed in range(20):
        assert generate(seed).text() == generate(seed).text() != generate(seed + 1).text()


def test_programs_contain_every_operation_and_read():
    text = "\n".join(generate(seed).text() for seed in range(300))
    operations = (
        "map map_values filter reduce map_reduce group_by slice slices take merge multi_map lazy mkdir"
    )
    other = "cascade rollback remove_dir on_create clear set_all discard update"
    for name in f"{operations} {other}".split():
        assert f".{name}(" in text or f"{name}=" in text, name
    reads = "get get_or get_all has size full keys entries between listed there before Bag Small Mean"
    for name in reads.split():
        assert f" {name}(" in text or f"({name}(" in text, name
    for piece in (
        "within=",
        "shared=True",
        "many=True",
        "keep=True",
        "raise Boom",
        "raise Undo",
        "raise KeyError",
    ):
        assert piece in text, piece


IMPURE = (
    "import itertools",
    "counter = itertools.count()",
    "def impure(key, values):",
    "    return [(key, next(counter))]",
)


def test_a_program_that_fails_is_made_small_and_fails_when_it_is_pasted(tmp_path):
    pure = generate(3)
    impure = Step("/impure/", IMPURE, "store['/a/'].map('/impure/', impure)", frozenset({"/a/"}))
    above = Step("/above/", (), "store['/impure/'].take('/above/', 2)", frozenset({"/impure/"}))
    writes = tuple(Transaction((Write("/a/", "set", n % 2, (n,)),)) for n in range(4))
    program = Program(
        seed=3,
        options=pure.options,
        inputs=pure.inputs,
        steps={**pure.steps, 50: impure, 51: above},
        asked=pure.asked,
        transactions=(*writes, *pure.transactions),
        end=pure.end,
    )
    with pytest.raises(AssertionError, match="the program of seed 3") as raised:
        check(program)
    script = str(raised.value).partition("\n\n")[2]
    assert "def make_impure" in script and "def make_above" not in script and "def make_s" not in script
    assert "def t1(" in script and "def t2(" not in script
    (tmp_path / "program.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    what = str(raised.value).partition("\n")[0].partition(": ")[2]
    assert done.stderr.strip().splitlines()[-1] == what


def test_a_transaction_that_has_to_fail_and_does_not_is_found():
    class Deaf(Run):
        def fails(self, state):
            return True

        def build(self, state):
            raise self.names["Boom"]

    with pytest.raises(Wrong, match="this should fail"):
        Deaf(generate(0)).check()
