"""dvc.lock and the files that it vouches for -> MLflow, at MLFLOW_TRACKING_URI or in mlflow.db."""

from pathlib import Path

from unroll.pipeline.lockfile import Entry, read
from unroll.pipeline.lockfile import by_axes as by
from unroll.stage import as_stage
from unroll.tracking import projection, projection_champion, projection_comparison, projection_floor

REPORTS, CLEAN, ENCODED = Path("reports"), Path("data/clean"), Path("data/vocabulary")
PAIR, RUN = ("corpus", "network"), ("corpus", "network", "seed")
TABLE, FIGURES = REPORTS / "comparison.csv", REPORTS / "figures"
NAMES = {"index.html": "page", TABLE.name: "tables", "comparison.md": "tables", "pairs.csv": "tables"}


def main() -> None:
    entries = read(Path("dvc.lock"))
    trained = by(entries, "train", *RUN) | by(entries, "distil", *RUN, program="train")
    evaluated = by(entries, "evaluate", *PAIR) | by(entries, "evaluate_taught", *PAIR, program="evaluate")
    trainings: dict[tuple[str, str], dict[int, projection.Training]] = {}
    for (corpus, network, seed), entry in trained.items():
        trainings.setdefault((corpus, network), {})[int(seed)] = training(corpus, network, seed, entry)
    groups = [
        projection.Group(*names, seeds, evaluation(*names, evaluated.get(names)))
        for names, seeds in trainings.items()
    ]
    compared = comparisons(entries)
    contests = projection_champion.contests(groups, by(entries, "preprocess", "corpus"), CLEAN, compared)
    floors = [
        projection_floor.Floor(corpus, entry, CLEAN / corpus, REPORTS)
        for (corpus,), entry in by(entries, "floor", "corpus").items()
    ]
    # MLflow, 2 s to import: after the lock has been found good.
    from unroll.tracking import client, place, tracker

    outcome = tracker.project(groups, floors, compared, contests, place.address(), client.commit())
    print(f"track: {outcome}, {place.without_password(place.address())}")


def training(corpus: str, network: str, seed: str, entry: Entry) -> projection.Training:
    return projection.Training(
        seed=int(seed),
        entry=entry,
        model=Path("models") / corpus / network / seed,
        history=REPORTS / "history" / corpus / network / f"{seed}.csv",
        vocabulary=ENCODED / corpus / "vocabulary.txt",
        data={split: ENCODED / corpus / split for split in ("train", "validation")},
    )


def evaluation(corpus: str, network: str, entry: Entry | None) -> projection.Evaluation | None:
    return entry and projection.Evaluation(
        entry=entry,
        models=Path("models") / corpus / network,
        scores=REPORTS / "scores" / corpus / f"{network}.json",
        predictions=REPORTS / "predictions" / corpus / f"{network}.parquet",
        data=ENCODED / corpus,
    )


def comparisons(entries: dict[str, Entry]) -> list[projection_comparison.Comparison]:
    report = entries.get("report") or Entry("report", {})
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
        for (corpus,), entry in by(entries, "compare", "corpus").items()
    ]


if __name__ == "__main__":
    with as_stage():
        main()
