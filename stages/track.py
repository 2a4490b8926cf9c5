"""dvc.lock and the files that it vouches for -> MLflow, at MLFLOW_TRACKING_URI or in mlflow.db."""

import os
import subprocess
from pathlib import Path

from unroll import lockfile, projection
from unroll.failures import told_plainly

NAME = "([a-z][a-z0-9_]*)"
TRAIN = rf"python -m stages\.train {NAME} {NAME} (0|[1-9][0-9]*)"
EVALUATE = rf"python -m stages\.evaluate {NAME} {NAME}"


def main() -> None:
    entries = lockfile.read(Path("dvc.lock"))
    trained = lockfile.by_arguments(entries, "train", TRAIN)
    evaluated = lockfile.by_arguments(entries, "evaluate", EVALUATE)
    trainings: dict[tuple[str, str], dict[int, projection.Training]] = {}
    for (corpus, network, seed), entry in trained.items():
        trainings.setdefault((corpus, network), {})[int(seed)] = training(corpus, network, seed, entry)
    groups = [
        projection.Group(
            corpus, network, seeds, evaluation(corpus, network, evaluated.get((corpus, network)))
        )
        for (corpus, network), seeds in trainings.items()
    ]
    compared = [Path("reports/comparison.csv"), Path("reports/comparison.md")]
    compared = [path for path in compared if "compare" in entries and entries["compare"].made(path)]
    from unroll import tracking  # imports MLflow, 2 s: after the lock has been found good

    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    outcome = tracking.project(groups, compared, uri, commit())
    changes = f"{outcome.new} new, {outcome.revived} revived, {outcome.stale} stale"
    runs = f"{outcome.children} runs and their {outcome.parents} parents"
    print(f"track: {runs} current ({changes}), {tracking.without_password(uri)}")


def training(corpus: str, network: str, seed: str, entry: lockfile.Entry) -> projection.Training:
    data = Path("data/vocabulary") / corpus
    return projection.Training(
        seed=int(seed),
        entry=entry,
        model=Path("models") / corpus / network / seed,
        history=Path("reports/history") / corpus / network / f"{seed}.csv",
        data={split: data / split for split in ("train", "validation")},
    )


def evaluation(corpus: str, network: str, entry: lockfile.Entry | None) -> projection.Evaluation | None:
    if entry is None:
        return None
    return projection.Evaluation(
        entry=entry,
        models=Path("models") / corpus / network,
        metrics=Path("reports/metrics") / corpus / f"{network}.json",
        predictions=Path("reports/predictions") / corpus / f"{network}.parquet",
        data=Path("data/vocabulary") / corpus,
    )


def commit() -> str | None:
    """Return HEAD, or None outside git; what ran is told apart by the lock's hashes, not by it."""
    try:
        head = subprocess.run(["git", "rev-parse", "--verify", "HEAD"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return head.stdout.strip() or None


if __name__ == "__main__":
    with told_plainly():
        main()
