"""A project whose networks have their first weights: to be tried without training anything."""

from pathlib import Path

import tiny
from runs import RULES

from unroll import catalogue, files
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.networks import checkpoints
from unroll.prediction import standing
from unroll.training.experiment import Experiment

CORPUS, EMPTY = "tiny_rows", "tiny_trees"
SEEDS = [1, 2]
LABELS = ["negative", "neutral", "positive"]
SMALL = {"hidden": 4, "embedding": {"size": 6}}
NETWORKS = {
    "bow": {"cell": "bag", "embedding": {"size": 6}},
    "gru": {"cell": "gru", "pooling": "max", **SMALL},
    "heeding": {"cell": "lstm", "bidirectional": True, "pooling": "attention", **SMALL},
    "absent": {"cell": "gru", **SMALL},
    "reader": {"cell": "gru", "task": "next_word", **SMALL},
}
TRAINED = ["bow", "gru", "heeding"]
WORDS = [word for group in tiny.TELLING for word in group] + tiny.FILLER


def write(folder: Path) -> Path:
    """Write params.yaml, the vocabulary of one of its two corpora, and two seeds of three networks."""
    document = tiny.params()
    select = {"corpora": [CORPUS, EMPTY], "networks": list(NETWORKS), "seeds": SEEDS}
    document |= {"networks": NETWORKS, "select": select, "suites": {"tiny": select}}
    tiny.write_params(folder, document)
    vocabulary = Vocabulary.build([WORDS], VocabularyRules())
    vocabulary.save(folder / f"data/vocabulary/{CORPUS}/vocabulary.txt")
    for network in TRAINED:
        for seed in SEEDS:
            save(folder, network, seed, vocabulary)
    return folder


def save(folder: Path, name: str, seed: int, vocabulary: Vocabulary) -> None:
    whole = catalogue.load(folder / "params.yaml")
    network = whole.networks[name]
    model = Experiment(network, RULES, "accuracy", len(vocabulary), len(LABELS), seed).model(None, "cpu")
    document = {
        "network": network.model_dump(mode="json"),
        "training": standing.rules_of(whole, CORPUS, name).model_dump(mode="json"),
        "labels": LABELS,
        "vocabulary_sha256": files.sha256_of(folder / f"data/vocabulary/{CORPUS}/vocabulary.txt"),
    }
    with files.whole_folder(folder / f"models/{CORPUS}/{name}/{seed}") as place:
        checkpoints.save_model(place, model.state_dict(), document)
