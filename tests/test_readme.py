"""The README shows the committed comparison, figure by figure."""

import csv
import io
import subprocess

import pytest
from clone import ROOT

from unroll.ladder.spec import KINDS
from unroll.ladder.steps import best_on_validation


@pytest.fixture(scope="module")
def committed() -> dict[str, str]:
    """As of HEAD: `make repro` may have written another comparison over the files since."""
    shown = {}
    for name in ("README.md", "reports/comparison.csv", "reports/ladder.csv"):
        done = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{name} is not committed"
        shown[name] = done.stdout
    return shown


def test_every_network_stands_in_the_readme_with_its_mean_and_spread(committed):
    headlines = {"sst5": "accuracy", "tweets": "macro_recall"}
    rows = list(csv.DictReader(io.StringIO(committed["reports/comparison.csv"])))
    shown = [row for row in rows if headlines.get(row["corpus"]) == row["metric"]]
    assert {row["corpus"] for row in shown} == set(headlines)
    lines = committed["README.md"].splitlines()
    for row in shown:
        names = ("mean", "std", "ci_low", "ci_high", "both_low", "both_high")
        mean, std, low, high, both_low, both_high = (100 * float(row[name] or "nan") for name in names)
        if row["kind"] == "floor":
            expected = (
                f"| *{row['network']}* (the floor) | {mean:.1f} |  | {both_low:.1f} to {both_high:.1f} |"
            )
        elif row["kind"] == "ensemble":
            expected = (
                f"| {row['network']} (an ensemble) | **{mean:.1f}** |  | {both_low:.1f} to {both_high:.1f} |"
            )
        else:
            expected = f"| {row['network']} | **{mean:.1f}** ± {std:.1f} | {low:.1f} to {high:.1f} |"
        assert any(line.startswith(expected) for line in lines), expected


def test_the_best_of_every_ladder_stand_in_the_readme(committed):
    lines = committed["README.md"].splitlines()
    rungs = list(csv.DictReader(io.StringIO(committed["reports/ladder.csv"])))
    assert rungs
    for corpus in dict.fromkeys(row["corpus"] for row in rungs):
        [line] = [line for line in lines if line.startswith(f"| {corpus} |")]
        for kind in KINDS:
            best = best_on_validation(
                [
                    row | {"validation": float(row["validation"])}
                    for row in rungs
                    if (row["corpus"], row["kind"]) == (corpus, kind)
                ]
            )
            spread = f" ± {100 * float(best['std']):.1f}" if best["std"] else ""
            assert f"| **{100 * float(best['mean']):.1f}**{spread} {best['rung']}" in line


def test_every_file_of_the_tree_is_named_in_the_readme(committed):
    for folder in ("stages", "unroll", "benchmarks", "tests"):
        assert f"{folder}/" in committed["README.md"]
    for path in (ROOT / "unroll").rglob("*.py"):
        name = f"{path.parent.name}/" if path.name.startswith("__") else path.name
        assert name in committed["README.md"], path
    for path in (ROOT / "stages").glob("[a-z]*.py"):
        assert f"| `{path.stem}` |" in committed["README.md"], path.name
