"""One (corpus, network), all its seeds, on the test split -> reports/predictions, reports/metrics."""

import sys
from pathlib import Path

from unroll import environment
from unroll.failures import told_plainly


def main(corpus: str, network_name: str) -> None:
    environment.pin()
    from unroll import evaluation, files, frames, tasks
    from unroll.batches import EncodedSplit
    from unroll.embeddings import pretrained
    from unroll.params import Params, Seed

    seeds = Params().get("select.seeds", tuple[Seed, ...])
    profile = files.read_json(Path("data/environment/training.json"))
    device = profile["device"]
    data = Path("data/vocabulary") / corpus
    vocabulary_sha256 = files.sha256_of(data / "vocabulary.txt")
    vocabulary = (data / "vocabulary.txt").read_text(encoding="utf-8").count("\n")
    vectors = Path("data/vectors") / corpus / network_name / "test"
    train = EncodedSplit.load(data / "train", device, vocabulary)
    test = EncodedSplit.load(data / "test", device, vocabulary, pretrained(vectors, "test"))
    scores = {}
    for seed in seeds:
        folder = Path("models") / corpus / network_name / str(seed)
        model, document = evaluation.load_model(folder, vocabulary_sha256, device)
        environment.prepare_torch(device, document["training"]["matmul_precision"])
        predict = tasks.predict_words if document["headline"] == "perplexity" else tasks.predict
        scores[seed] = predict(model, test)
    if document["headline"] == "perplexity":
        summary = evaluation.score_words(scores)
        summary["unigrams"] = evaluation.unigrams(train, test, vocabulary)
        frame, schema = evaluation.words_frame(scores, test), evaluation.WORDS_SCHEMA
    else:
        classes = len(document["labels"])
        summary = evaluation.score_classes(scores, test.labels.cpu().numpy())
        summary["majority"] = evaluation.majority(train, test, classes)
        frame, schema = evaluation.predictions_frame(scores, test), evaluation.predictions_schema(classes)
    files.write_json(
        Path("reports/metrics") / corpus / f"{network_name}.json",
        {
            "corpus": corpus,
            "network": network_name,
            "headline": document["headline"],
            "parameters": document["parameters"],
            "rows": len(test),
            **summary,
            "source": files.read_json(Path("data/raw") / corpus / "source.json"),
        },
    )
    path = Path("reports/predictions") / corpus / f"{network_name}.parquet"
    frames.write_parquet(path, frame, schema)


if __name__ == "__main__":
    with told_plainly():
        main(sys.argv[1], sys.argv[2])
