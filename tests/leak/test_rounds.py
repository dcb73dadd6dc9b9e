"""Every way in which a thing comes and goes leaves nothing: 50,000 rounds take what 5,000 do.

Each way (`ways/`) is gone in a process of its own (`rounds.py`), two at a time. What is in use is compared
exactly, and memray, with native traces, follows 2,000 rounds more; `make leaks` has memray follow all
rounds from the 5,000th on. LIVEDIRS_LEAK_ROUNDS and LIVEDIRS_LEAK_TRACKED say how many rounds, in all and
followed (0: all but the first tenth).
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ways import WAYS

from support import EACH_OBJECT_ALLOCATED, HAS_GIL

ROUNDS = int(os.environ.get("LIVEDIRS_LEAK_ROUNDS", "50000"))
TRACKED = int(os.environ.get("LIVEDIRS_LEAK_TRACKED", "2000"))
ALLOWED = 64 * 1024
# Looked up once: pytest writes to it meanwhile.
ENVIRONMENT = {
    **os.environ,
    **EACH_OBJECT_ALLOCATED,
    "PYTHONHASHSEED": "0",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no memray")


def go(way, folder, *options):
    """What `rounds.py` prints of a way; or how it failed."""
    script = Path(__file__).with_name("rounds.py")
    counts = "--rounds", str(ROUNDS), "--tracked", str(TRACKED)
    done = subprocess.run(
        [sys.executable, str(script), way, str(folder), *counts, *options],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout) if done.returncode == 0 else {"failed": done.stderr}


@pytest.fixture(scope="module")
def found(request, tmp_path_factory):
    """What was found for each way that is asked for, as it comes."""
    asked = [item.callspec.params["way"] for item in request.session.items if has_way(item)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {way: pool.submit(go, way, tmp_path_factory.mktemp("rounds")) for way in asked}
        pool.shutdown(cancel_futures=True)


def has_way(item):
    return item.path == Path(__file__) and hasattr(item, "callspec") and "way" in item.callspec.params


@pytest.mark.parametrize("way", WAYS)
def test_rounds_leave_nothing(way, found, tmp_path):
    run = found[way].result()
    assert "failed" not in run, run["failed"]
    if run["left"] > ALLOWED:
        # Python and memray make room for themselves now and then, 64 KiB or so at once.
        # A leak is there each time.
        print(f"once more, since {run['left']} bytes were left:", *run["places"], sep="\n")
        run = go(way, tmp_path)
    assert run["after"] == run["before"]
    places = "\n".join(run["places"])
    assert run["grown"] <= ALLOWED, f"{run['grown']} bytes more after {ROUNDS} rounds:\n{places}"
    assert run["left"] <= ALLOWED, f"{run['left']} bytes left by {TRACKED} rounds:\n{places}"


def test_a_planted_leak_of_bytes_is_found_and_its_place_named(tmp_path):
    run = go("cursors_polled", tmp_path, "--plant", "bytes")
    assert run["after"] == run["before"]
    assert run["grown" if HAS_GIL else "left"] > ALLOWED
    assert "leaking" in "".join(run["places"])


def test_a_planted_leak_that_counts_show_is_found(tmp_path):
    run = go("cursors_polled", tmp_path, "--plant", "count", "--rounds", "2000")
    assert run["after"]["cursors"] > run["before"]["cursors"]
