"""dvc.lock and the files that it vouches for -> MLflow, at MLFLOW_TRACKING_URI or in mlflow.db."""

from pathlib import Path

from unroll.pipeline import lockfile
from unroll.stage import as_stage
from unroll.tracking import projection, projection_champion, projection_comparison, projection_floor

REPORTS, CLEAN, ENCODED = Path("reports"), Path("data/clean"), Path("data/vocabulary")
TABLE, FIGURES = REPORTS / "comparison.csv", REPORTS / "figures"
NAMES = {"index.html": "page", TABLE.name: "tables", "comparison.md": "tables", "pairs.csv": "tables"}


def main() -> None:
    entries = lockfile.read(Path("dvc.lock"))
    trained = lockfile.by_axes(entries, "train", "corpus", "network", "seed")
    evaluated = lockfile.by_axes(entries, "evaluate", "corpus", "network")
    trainings: dict[tuple[str, str], dict[int, projection.Training]] = {}
    for (corpus, network, seed), entry in trained.items():
        trainings.setdefault((corpus, network), {})[int(seed)] = training(corpus, network, seed, entry)
    groups = [
        projection.Group(*names, seeds, evaluation(*names, evaluated.get(names)))
        for names, seeds in trainings.items()
    ]
    compared = comparisons(entries)
    cleaned = lockfile.by_axes(entries, "preprocess", "corpus")
    contests = projection_champion.contests(groups, cleaned, CLEAN, compared)
    floors = [
        projection_floor.Floor(corpus, entry, CLEAN / corpus, REPORTS)
        for (corpus,), entry in lockfile.by_axes(entries, "floor", "corpus").items()
    ]
    # MLflow, 2 s to import: after the lock has been found good.
    from unroll.tracking import client, place, tracker

    uri = place.address()
    outcome = tracker.project(groups, floors, compared, contests, uri, client.commit())
    print(f"track: {outcome}, {place.without_password(uri)}")


def training(corpus: str, network: str, seed: str, entry: lockfile.Entry) -> projection.Training:
    return projection.Training(
        seed=int(seed),
        entry=entry,
        model=Path("models") / corpus / network / seed,
        history=REPORTS / "history" / corpus / network / f"{seed}.csv",
        vocabulary=ENCODED / corpus / "vocabulary.txt",
        data={split: ENCODED / corpus / split for split in ("train", "validation")},
    )


def evaluation(corpus: str, network: str, entry: lockfile.Entry | None) -> projection.Evaluation | None:
    return entry and projection.Evaluation(
        entry=entry,
        models=Path("models") / corpus / network,
        scores=REPORTS / "scores" / corpus / f"{network}.json",
        predictions=REPORTS / "predictions" / corpus / f"{network}.parquet",
        data=ENCODED / corpus,
    )


def comparisons(entries: dict[str, lockfile.Entry]) -> list[projection_comparison.Comparison]:
    report = entries.get("report") or lockfile.Entry("report", {})
    shown = projection_comparison.networks_in(TABLE) if report.made(TABLE) else {}
    files = [(path, folder) for name, folder in NAMES.items() if report.made(path := REPORTS / name)]
    drawn = sorted(FIGURES.glob("*.svg")) if report.made(FIGURES) else []
    return [
        projection_comparison.Comparison(
            corpus=corpus,
            entry=entry,
            path=REPORTS / "comparison" / f"{corpus}.json",
            shown=shown,
            files=files + [(path, "figures") for path in drawn if path.name.startswith(f"{corpus}-")],
        )
        for (corpus,), entry in lockfile.by_axes(entries, "compare", "corpus").items()
    ]


if __name__ == "__main__":
    with as_stage():
        main()
