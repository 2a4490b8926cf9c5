"""Mutants: one thing changed in a function, and whether any test notices.

mutmut (pyproject.toml) changes an operator, a number, an argument, a word ... at a time. What survives
is shown by `mutmut results` and `mutmut show NAME` after `mutmut run`.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from clone import ROOT, clone

MODULES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"][
    "only_mutate"
]
NOTICED = 0.85
SHARE, OTHER_TESTS = "unroll.metrics.x_macro_*", r' *"tests/(?!test_metrics).*",\n'
"""In `make test` a few mutants of one module, with its own tests alone: each test runs once beforehand."""
SURVIVED, NO_TESTS = 0, 33
"""What mutmut keeps of a mutant is the exit code of its tests."""


def campaign(folder: Path, *mutants: str) -> dict[str, dict[str, int]]:
    """Return the exit code of each mutant's tests, by module; without names of all mutants."""
    clone(folder)
    if mutants:
        settings = (folder / "pyproject.toml").read_text(encoding="utf-8")
        (folder / "pyproject.toml").write_text(re.sub(OTHER_TESTS, "", settings), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", "2", *mutants],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    found = {}
    for module in MODULES:
        kept = json.loads((folder / "mutants" / f"{module}.meta").read_text(encoding="utf-8"))
        codes = kept["exit_code_by_key"].items()
        found[module] = {name: code for name, code in codes if code is not None}
    return found


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> dict[str, dict[str, int]]:
    share = [] if pytestconfig.getoption("--torture") else [SHARE]
    return campaign(tmp_path_factory.mktemp("mutants"), *share)


@pytest.mark.parametrize("module", MODULES)
def test_most_mutants_are_noticed(module, codes, tell, pytestconfig):
    of_code = Counter(codes[module].values())
    mutants, missed = of_code.total(), of_code[SURVIVED] + of_code[NO_TESTS]
    if not mutants and not pytestconfig.getoption("--torture"):
        pytest.skip("make torture tries them")
    share = 1 - missed / mutants
    tell(f"{mutants} mutants of {module}", f"{mutants - missed} noticed by a test ({100 * share:.1f} %)")
    survivors = [name for name, code in codes[module].items() if code in (SURVIVED, NO_TESTS)]
    assert share >= NOTICED, survivors
