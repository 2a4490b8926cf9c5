"""The README shows the committed comparison, figure by figure."""

import csv
import io
import subprocess
from pathlib import Path

import pytest
from clone import ROOT

from unroll.ladder.spec import KINDS
from unroll.ladder.steps import best_on_validation
from unroll.pipeline import lock_text


@pytest.fixture(scope="module")
def committed() -> dict[str, str]:
    """As of HEAD: `make repro` may have written another comparison over the files since."""
    ladders = git("ls-tree", "-r", "--name-only", "HEAD", "reports/ladder").splitlines()
    names = ["README.md", "reports/comparison.csv", "dvc.lock", "parked.lock", *ladders]
    return {name: git("show", f"HEAD:{name}") for name in names}


def git(*command: str) -> str:
    return subprocess.run(["git", *command], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def rungs_of(committed: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    """Return the rungs of each corpus whose ladder is committed."""
    tables = {
        Path(name).stem: text
        for name, text in committed.items()
        if name.endswith(".csv") and "/ladder/" in name
    }
    return {corpus: list(csv.DictReader(io.StringIO(text))) for corpus, text in tables.items()}


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
    climbed = rungs_of(committed)
    assert climbed
    for corpus, rungs in climbed.items():
        [line] = [line for line in lines if line.startswith(f"| {corpus} |")]
        for kind in KINDS:
            these = [row for row in rungs if row["kind"] == kind]
            best = best_on_validation([row | {"validation": float(row["validation"])} for row in these])
            spread = f" ± {100 * float(best['std']):.1f}" if best["std"] else ""
            assert f"| **{100 * float(best['mean']):.1f}**{spread} {best['rung']}" in line


def test_the_scores_of_every_rung_are_those_that_a_lock_names(committed, tmp_path):
    entries = {}
    for lock in ("parked.lock", "dvc.lock"):
        (tmp_path / lock).write_text(committed[lock], encoding="utf-8")
        entries |= lock_text.blocks(tmp_path / lock)
    for corpus, rungs in rungs_of(committed).items():
        for row in [row for row in rungs if row["kind"] == "network"]:
            stages = [f"{stage}@{corpus}-{row['rung']}" for stage in ("evaluate", "evaluate_taught")]
            of_rung = "".join(entries.get(stage, "") for stage in stages)
            assert f"md5: {row['scores_md5']}\n" in of_rung, stages


def test_every_file_of_the_tree_is_named_in_the_readme(committed):
    for folder in ("stages", "unroll", "benchmarks", "tests"):
        assert f"{folder}/" in committed["README.md"]
    for path in (ROOT / "unroll").rglob("*.py"):
        name = f"{path.parent.name}/" if path.name.startswith("__") else path.name
        assert name in committed["README.md"], path
    for path in (ROOT / "stages").glob("[a-z]*.py"):
        assert f"| `{path.stem}` |" in committed["README.md"], path.name
