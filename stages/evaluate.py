"""One (corpus, network), all its seeds, on the test split -> reports/predictions, reports/metrics."""

import sys
from pathlib import Path

from unroll import environment
from unroll.failures import told_plainly


def main(corpus: str, network_name: str) -> None:
    environment.pin()
    from unroll import evaluation, files, frames
    from unroll.batches import EncodedSplit
    from unroll.params import Params, Seed
    from unroll.training import predict

    seeds = Params().get("select.seeds", tuple[Seed, ...])
    profile = files.read_json(Path("data/environment/training.json"))
    data = Path("data/vocabulary") / corpus
    vocabulary_sha256 = files.sha256_of(data / "vocabulary.txt")
    train, test = (EncodedSplit.load(data / split, profile["device"]) for split in ("train", "test"))
    scores = {}
    for seed in seeds:
        folder = Path("models") / corpus / network_name / str(seed)
        model, document = evaluation.load_classifier(folder, vocabulary_sha256, profile["device"])
        environment.prepare_torch(profile["device"], document["training"]["matmul_precision"])
        scores[seed] = predict(model, test)
    classes = len(document["labels"])
    files.write_json(
        Path("reports/metrics") / corpus / f"{network_name}.json",
        {
            "corpus": corpus,
            "network": network_name,
            "headline": document["headline"],
            "parameters": document["parameters"],
            "rows": len(test),
            **evaluation.summarise(scores, test.labels.cpu().numpy()),
            "majority": evaluation.majority(train, test, classes),
            "source": files.read_json(Path("data/raw") / corpus / "source.json"),
        },
    )
    frame = evaluation.predictions_frame(scores, test)
    path = Path("reports/predictions") / corpus / f"{network_name}.parquet"
    frames.write_parquet(path, frame, evaluation.predictions_schema(classes))


if __name__ == "__main__":
    with told_plainly():
        main(sys.argv[1], sys.argv[2])
