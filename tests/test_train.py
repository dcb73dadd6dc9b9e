"""What wheels are tuned by runs and answers right. Where there are no llvm-tools nothing else runs it."""

import runpy
from pathlib import Path

import pytest

TRAIN = runpy.run_path(str(Path(__file__).parents[1] / "packaging" / "train.py"))


@pytest.mark.parametrize("work", TRAIN["WORK"], ids=lambda work: work.__name__)
def test_each_kind_of_work_answers_right(work):
    work()
