"""The example of a leak-regression suite passes, and fails when a leak is planted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[1] / "examples" / "leak_suite"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no memray")


def run(leak):
    environment = {**os.environ, "LEAK": leak, "PYTHONPATH": str(SUITE)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--memray",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore",
        str(SUITE),
    ]
    return subprocess.run(command, env=environment, cwd=SUITE, capture_output=True, text=True, timeout=300)


def test_it_passes():
    result = run("")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "leak, found_by", [("cursor", "cursors: 0 before, 100 after"), ("python", "MEMORY PROBLEMS")]
)
def test_a_planted_leak_is_found(leak, found_by):
    result = run(leak)
    assert result.returncode == 1
    assert found_by in result.stdout
