"""Bad inputs: the command line."""

import pytest
from tiny import ROOT

MISTAKES = {
    "a suite that does not exist": (["repro", "--suite", "nonsense"], "nonsense"),
    "a negative number of jobs": (["repro", "--jobs", "-1"], "JOBS is -1"),
    "a stage that does not exist": (["check", "trane"], "trane"),
}


@pytest.mark.parametrize("tried", MISTAKES)
def test_a_mistake_on_the_command_line_is_refused(refused, tried):
    arguments, named = MISTAKES[tried]
    refused(tried, ["-m", "unroll", *arguments], ROOT, named)
