"""One (corpus, network), all its seeds, on the test split -> reports/{scores,predictions,metrics}."""

import time
from pathlib import Path

from unroll import environment
from unroll.stage import as_stage


def main(corpus: str, network_name: str) -> None:
    started = time.monotonic()
    environment.pin()
    from unroll import files, frames
    from unroll.evaluation import scoring
    from unroll.networks.batches import EncodedSplit
    from unroll.networks.embeddings import pretrained
    from unroll.params import Params, Seed

    seeds = Params().get("select.seeds", tuple[Seed, ...])
    profile = files.read_json(Path("data/environment/training.json"))
    device = profile["device"]
    data = Path("data/vocabulary") / corpus
    vocabulary_sha256 = files.sha256_of(data / "vocabulary.txt")
    vocabulary = (data / "vocabulary.txt").read_bytes().count(b"\n")
    vectors = Path("data/vectors") / corpus / network_name / "test"
    train = EncodedSplit.load(data / "train", device, vocabulary)
    test = EncodedSplit.load(data / "test", device, vocabulary, pretrained(vectors, "test"))
    models, documents = {}, []
    for seed in seeds:
        folder = Path("models") / corpus / network_name / str(seed)
        models[seed], document = scoring.load_model(folder, vocabulary_sha256, device)
        documents.append(document)
    headline, labels, rules = document["headline"], document["labels"], document["training"]
    environment.prepare_torch(device, rules["matmul_precision"])
    loop_started = time.monotonic()
    if headline == "perplexity":
        found = scoring.of_words(models, train, test, vocabulary)
    else:
        found = scoring.of_classes(models, train, test, len(labels))
    loop_seconds = time.monotonic() - loop_started
    report = {
        "corpus": corpus,
        "network": network_name,
        "headline": headline,
        "labels": labels,
        "spec": document["network"],
        "supervision": rules["supervision"],
        "best_epochs": [one["best_epoch"] for one in documents],
        "parameters": document["parameters"],
        "operations": scoring.operations_of(models[seed], document),
        "rows": len(test),
        **found.summary,
        "source": files.read_json(Path("data/raw") / corpus / "source.json"),
    }
    reports, name = Path("reports"), f"{corpus}/{network_name}"
    files.write_json(reports / "scores" / f"{name}.json", report)
    files.write_json(reports / "metrics" / f"{name}.json", scoring.as_metrics(headline, found.summary))
    frames.write_parquet(reports / "predictions" / f"{name}.parquet", found.predictions, found.schema)
    # Times do not repeat, so they stay outside the outs.
    seconds = {"all": time.monotonic() - started, "loop": loop_seconds}
    files.write_json(Path(".unroll/times") / f"{corpus}-{network_name}.json", {"seconds": seconds})


if __name__ == "__main__":
    with as_stage("corpus", "network") as arguments:
        main(*arguments)
