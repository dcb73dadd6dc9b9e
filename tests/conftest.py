"""Hypothesis profiles: `quick`, always the same, is the default; LIVEDIRS_EXAMPLES=n tries n new examples.

`--programs n` (LIVEDIRS_PROGRAMS=n) is how many random programs `test_programs.py` runs.
"""

import os
import signal

from hypothesis import HealthCheck, settings

health = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile(
    "quick",
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=health,
)
examples = os.environ.get("LIVEDIRS_EXAMPLES")
if examples:
    settings.register_profile(
        "more", max_examples=int(examples), stateful_step_count=50, deadline=None, print_blob=True,
        suppress_health_check=health,
    )  # fmt: skip
settings.load_profile("more" if examples else "quick")

# A job in the background of a shell inherits that interrupts are ignored: tests of them would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    default = int(os.environ.get("LIVEDIRS_PROGRAMS", "500"))
    parser.addoption("--programs", type=int, default=default, help="how many random programs are run")


def pytest_generate_tests(metafunc):
    """`seeds`: those of the random programs, 50 for each test."""
    if "seeds" in metafunc.fixturenames:
        most = metafunc.config.getoption("programs")
        chunks = [range(first, min(first + 50, most)) for first in range(0, most, 50)]
        metafunc.parametrize("seeds", chunks, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
