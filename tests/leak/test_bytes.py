"""`stats().bytes` is what a memory profiler sees of the Rust side, to within 20 %."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("memray")

from accounts import CASES

KEYS = 5_000


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    script = Path(__file__).with_name("accounts.py")
    command = [sys.executable, str(script), str(KEYS), str(tmp_path_factory.mktemp("bytes"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_what_is_accounted_is_what_is_allocated(case, found):
    allocated, accounted = found[case]["allocated"], found[case]["accounted"]
    assert allocated > 10 * KEYS
    assert accounted == pytest.approx(allocated, rel=0.2)
