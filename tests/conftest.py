"""Hypothesis profiles: `quick`, always the same, is the default; LIVEDIRS_EXAMPLES=n tries n new examples."""

import os

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
