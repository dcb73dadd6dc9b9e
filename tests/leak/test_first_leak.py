"""100,000 directories made by a mapper and removed leave no memory behind.

PYTHONMALLOC=malloc shows memray every Python object by itself, so that a new arena of pymalloc is no false
alarm. LIVEDIRS_LEAK_DIRS lowers the number of directories, for a slow store.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import EACH_OBJECT_ALLOCATED

DIRECTORIES = int(os.environ.get("LIVEDIRS_LEAK_DIRS", "100000"))
ALLOWED = 100_000

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no memray")


def churn(directories, folder, *options):
    script = Path(__file__).with_name("churn.py")
    done = subprocess.run(
        [sys.executable, str(script), str(directories), str(folder), *options],
        env=os.environ | EACH_OBJECT_ALLOCATED,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return churn(DIRECTORIES, tmp_path_factory.mktemp("leak"))


def test_directories_that_came_and_went_leave_the_counts_as_they_were(run):
    assert run["made"] == DIRECTORIES // 200 * 200
    assert run["stats_after"] == run["stats_before"]


def test_the_second_half_adds_no_memory(run):
    assert run["second_left"] < ALLOWED, run
    assert run["second_peak"] - run["first_peak"] < ALLOWED, run


def test_a_leak_that_is_planted_is_found(tmp_path):
    run = churn(4_000, tmp_path, "leak")
    assert run["second_left"] > ALLOWED, run
