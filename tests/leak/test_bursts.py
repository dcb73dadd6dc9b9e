"""Many of a thing at once, all gone, leave no room behind that nobody needs."""

import subprocess
import sys
from pathlib import Path
from platform import libc_ver

import pytest
from bursts import BURSTS
from test_rounds import ALLOWED, ENVIRONMENT

pytestmark = pytest.mark.skipif(libc_ver()[0] != "glibc", reason="no glibc, which tells what is in use")


@pytest.mark.parametrize("burst", BURSTS)
def test_a_burst_leaves_no_memory(burst):
    script = Path(__file__).with_name("bursts.py")
    done = subprocess.run(
        [sys.executable, str(script), burst], env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= ALLOWED
