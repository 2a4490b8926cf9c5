"""Properties: what must hold for any input, tried with 1,000 drawn ones each."""

import re
import subprocess
import sys

import pytest
from clone import ROOT

FILES = (
    "comparison/test_breakdown.py",
    "comparison/test_resampling.py",
    "comparison/test_significance.py",
    "comparison/test_statistics.py",
    "comparison/test_trials.py",
    "lexicon/test_encoding.py",
    "lexicon/test_vocabulary.py",
    "networks/test_batches.py",
    "networks/test_spec.py",
    "test_metrics.py",
    "test_params.py",
    "text/test_subwords.py",
    "text/test_tokenization.py",
    "text/test_tweet_re2.py",
)
EXAMPLES = 1000


@pytest.mark.parametrize("file", FILES)
def test_properties_hold_for_a_thousand_inputs(file, tell, pytestconfig):
    """`make test` tries a hundred of each where they stand."""
    if not pytestconfig.getoption("--torture"):
        pytest.skip("make torture tries a thousand")
    command = ["-m", "pytest", f"tests/{file}", "--hypothesis-profile=whole", "--hypothesis-show-statistics"]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    tried = [int(count) for count in re.findall(r"generate phase.*?(\d+) passing", done.stdout, re.DOTALL)]
    stopped = done.stdout.count("Stopped because nothing left to do")
    properties = (ROOT / "tests" / file).read_text(encoding="utf-8").count("\n@given(")
    tell(f"{properties} properties of tests/{file}", f"held for {sum(tried)} inputs")
    assert done.returncode == 0, done.stdout[-4000:]
    assert len(tried) >= properties
    assert sum(count < EXAMPLES for count in tried) <= stopped
