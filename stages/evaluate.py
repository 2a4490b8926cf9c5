"""One (corpus, network), all its seeds, on the test split -> reports/{scores,predictions,metrics}."""

import time
from pathlib import Path

from unroll import environment
from unroll.stage import as_stage


def main(corpus: str, network_name: str) -> None:
    started = time.monotonic()
    environment.pin()
    from unroll.evaluation import report
    from unroll.params import Params, Seed

    reports, name = Path("reports"), f"{corpus}/{network_name}"
    places = report.Places(
        profile=Path("data/environment/training.json"),
        data=Path("data/vocabulary") / corpus,
        source=Path("data/raw") / corpus / "source.json",
        vectors=Path("data/vectors") / name / "test",
        models=Path("models") / name,
        scores=reports / "scores" / f"{name}.json",
        metrics=reports / "metrics" / f"{name}.json",
        predictions=reports / "predictions" / f"{name}.parquet",
        times=Path(".unroll/times") / f"{corpus}-{network_name}.json",
    )
    report.write(corpus, network_name, Params().get("select.seeds", tuple[Seed, ...]), places, started)


if __name__ == "__main__":
    with as_stage("corpus", "network") as arguments:
        main(*arguments)
