"""One network on the test split, all its seeds: from its models to scores, predictions and what DVC shows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unroll import environment, files, frames
from unroll.evaluation import scoring
from unroll.evaluation.models import load_model
from unroll.networks.batches import EncodedSplit, load_texts
from unroll.networks.embeddings import pretrained


@dataclass(frozen=True)
class Places:
    """Where an evaluation reads and writes."""

    profile: Path
    data: Path
    """The vocabulary and the encoded splits."""
    source: Path
    """source.json"""
    vectors: Path
    models: Path
    """A folder a seed."""
    scores: Path
    metrics: Path
    predictions: Path
    times: Path


def write(corpus: str, network_name: str, seeds: Sequence[int], places: Places, started: float) -> None:
    """Read the test split with every seed and write what comes of it; it began at `started`.

    Raises:
        Refusal: something to read is missing or damaged.
    """
    device = files.read_json(places.profile)["device"]
    vocabulary_sha256 = files.sha256_of(places.data / "vocabulary.txt")
    vocabulary = (places.data / "vocabulary.txt").read_bytes().count(b"\n")
    train = EncodedSplit.load(places.data / "train", device, vocabulary)
    unseen = pretrained(places.vectors, "test")
    test = EncodedSplit.load(places.data / "test", device, vocabulary, unseen)
    models, documents = {}, []
    for seed in seeds:
        models[seed], document = load_model(places.models / str(seed), vocabulary_sha256, device)
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
        "supervision": "phrases, then sentences" if rules["phrases_first"] else rules["supervision"],
        "best_epochs": [one["best_epoch"] for one in documents],
        "parameters": document["parameters"],
        "operations": scoring.operations_of(
            models[seed], document, lambda: load_texts(places.data, device, vocabulary)
        ),
        "rows": len(test),
        **found.summary,
        "source": files.read_json(places.source),
    }
    files.write_json(places.scores, report)
    files.write_json(places.metrics, scoring.as_metrics(headline, found.summary))
    frames.write_parquet(places.predictions, found.predictions, found.schema)
    # Times do not repeat, so they stay outside the outs.
    seconds = {"all": time.monotonic() - started, "loop": loop_seconds}
    files.write_json(places.times, {"seconds": seconds})
