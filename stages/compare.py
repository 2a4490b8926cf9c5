"""Every selected network's results on one corpus -> reports/comparison/<corpus>.json."""

from pathlib import Path

from unroll import environment
from unroll.stage import as_stage


def main(corpus: str) -> None:
    environment.pin()  # before numpy: one thread, so that sums come out the same
    from unroll import files
    from unroll.comparison import compare, results
    from unroll.comparison.ensembles import read_ensemble
    from unroll.comparison.spec import Comparison, Published
    from unroll.distillation.spec import Ensemble
    from unroll.floor import NAME
    from unroll.params import Name, Params, Seed

    params = Params()
    title = params.get(f"corpora.{corpus}.title", str)
    published = params.get(f"corpora.{corpus}.published", tuple[Published, ...])
    rules = params.get("comparison", Comparison)
    seeds = params.get("select.seeds", tuple[Seed, ...])
    # The parameters say what belongs to the comparison; the folders may hold older networks too.
    teaching = params.get("select.networks", tuple[Name, ...])
    networks = teaching + params.get("select.taught", tuple[Name, ...])
    encoded, reports = Path("data/vocabulary") / corpus, Path("reports")
    vocabulary = (encoded / "vocabulary.txt").read_text(encoding="utf-8").count("\n")
    rows = results.read_rows(Path("data/clean") / corpus / "test.parquet", encoded / "test", vocabulary)
    found = [
        results.read_result(
            reports / "scores" / corpus / f"{network}.json",
            reports / "predictions" / corpus / f"{network}.parquet",
            {seed: reports / "history" / corpus / network / f"{seed}.csv" for seed in seeds},
            rows,
        )
        for network in networks
    ]
    ensembles = [
        read_ensemble(
            Path("data/ensembles") / corpus / name / "weights.json", ensemble.networks, found, rows.labels_N
        )
        for name, ensemble in params.get("ensembles", dict[Name, Ensemble]).items()
        if ensemble.is_among(teaching)
    ]
    sources = params.get("vectors", dict[Name, dict])
    encoders = [name for name, source in sources.items() if source.get("kind") == "encoder"]
    floor = results.read_floor(
        reports / "scores" / corpus / f"{NAME}.json",
        reports / "predictions" / corpus / f"{NAME}.parquet",
        rows,
    )
    document = compare.document(corpus, title, published, found, rows, rules, [floor], encoders, ensembles)
    files.write_json(reports / "comparison" / f"{corpus}.json", document)


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
