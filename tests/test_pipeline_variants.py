"""What a network and a corpus may be, through DVC: each kind once, on trees and on a file of one's own."""

import copy
import csv
import json
from pathlib import Path

import pandas as pd
import pytest
import tiny
import tiny_encoder
from clone import Clone, clone, run_once

from unroll import files
from unroll.distillation import opinions

SMALL = {"hidden": 8, "embedding": {"size": 8}}
SENTENCES, PHRASES, BOTH = "from_sentences", "from_phrases", "from_both"
NETWORKS = {
    SENTENCES: {"cell": "lstm", **SMALL, "training": {"phrases_first": None}},
    PHRASES: {"cell": "lstm", **SMALL, "training": {"supervision": "phrases", "phrases_first": None}},
    BOTH: {"cell": "lstm", **SMALL, "training": {"phrases_first": {"epochs": 1}}},
    "with_vectors": {
        "cell": "gru",
        "hidden": 8,
        "bidirectional": True,
        "pooling": "max+attention",
        "attention_size": 4,
        "embedding": {"vectors": ["mine", "others"], "frozen": True},
    },
    "pretrained": {"cell": "gru", **SMALL, "pretraining": {"epochs": 1}},
    "tutored": {"cell": "gru", **SMALL, "tutor": "ours", "training": {"distillation": 0.7}},
    "relu": {
        "cell": "elman",
        "implementation": "handwritten",
        "nonlinearity": "relu",
        "initial_state": "learned",
        "dropout": {"words": 0.1, "embedding": 0.1, "recurrent": 0.1, "output": 0.1, "variational": True},
        "training": {"optimizer": "adamw", "schedule": "one_cycle", "warm_up": 0.3, "weight_average": 0.9},
        **SMALL,
    },
}
SHIPPED = ["t3_rnn", "t4_lstm_packed", "t5_next_word"]
TREES, FILE = "tiny_trees", "my_reviews"
OF_FILE = [SENTENCES, BOTH, "with_vectors"]


@pytest.fixture(scope="module")
def variants(tmp_path_factory) -> Clone:
    """A suite of two parts, run once: every network on trees, three of them on a CSV file."""
    folder = clone(tmp_path_factory.mktemp("clone"))
    write_reviews(folder / "my/reviews.csv", count=60)
    write_vectors(folder / "my/vectors.txt", size=3, words=tiny.TELLING[0])
    # Of the words that only one file knows, the other's components are drawn.
    write_vectors(folder / "my/others.txt", size=2, words=[*tiny.TELLING[1], tiny.TELLING[0][0]])
    document = tiny.params()
    trees = document["corpora"][TREES]
    # Few enough that some words of validation and test have no id of their own.
    trees["vocabulary"] = {"min_count": 20, "max_size": 100}
    document["corpora"] = {TREES: trees, FILE: reviews()}
    document["networks"] |= NETWORKS
    document["vectors"] |= {
        "mine": {"kind": "file", "path": "my/vectors.txt", "format": "glove"},
        "others": {"kind": "file", "path": "my/others.txt", "format": "glove"},
    }
    document["vectors"]["ours"] = tiny_encoder.lay_out(folder).model_dump(mode="json")
    document["tutors"]["ours"] = {
        "encoder": "ours",
        "phrases_first": {"epochs": 1},
        "training": {"epochs": 1},
    }
    document["training"] |= {"epochs": 2}
    document["suites"] = {
        "variants": [
            {"corpora": [TREES], "networks": [*NETWORKS, *SHIPPED], "seeds": [1]},
            {"corpora": [FILE], "networks": OF_FILE, "seeds": [1]},
        ]
    }
    # A copy, lest the file has an anchor here: make repro writes into `select`.
    document["select"] = copy.deepcopy(document["suites"]["variants"][0])
    with run_once(folder, tmp_path_factory.mktemp("caches"), document, suite="variants") as ran:
        yield ran


def reviews() -> dict:
    """A corpus of one's own, as the README has it."""
    return {
        "title": "our own reviews",
        "source": {
            "kind": "file",
            "files": {"train": "my/reviews.csv"},
            "carve": {"validation": 0.2, "test": 0.2},
        },
        "labels": ["bad", "middling", "good"],
        "relabel": None,
        "headline": "macro_f1",
        "text": {"tokenizer": "bpe", "subwords": 120},
        "vocabulary": {"min_count": 1, "max_size": 1000},
        "training": {},
        "published": [],
    }


def write_reviews(path: Path, count: int) -> None:
    path.parent.mkdir(exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for row in tiny.rows(count, seed=4):
            writer.writerow([row["text"], ["bad", "middling", "good"][row["label"]]])


def write_vectors(path: Path, size: int, words: list[str]) -> None:
    lines = (
        f"{word} {' '.join(str(place + part) for part in range(size))}" for place, word in enumerate(words)
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def model(variants: Clone, corpus: str, network: str) -> dict:
    return files.read_json(variants.folder / f"models/{corpus}/{network}/1/model.json")


def metrics(variants: Clone, corpus: str, network: str) -> dict:
    return files.read_json(variants.folder / f"reports/scores/{corpus}/{network}.json")


def test_every_kind_of_network_is_trained_and_scored(variants):
    for corpus, networks in ((TREES, [*NETWORKS, *SHIPPED]), (FILE, OF_FILE)):
        for network in networks:
            report = metrics(variants, corpus, network)
            assert report["parameters"] == model(variants, corpus, network)["parameters"]
            assert all(value is not None for value in report["mean"].values())
            assert network in variants.said
    assert metrics(variants, FILE, SENTENCES)["headline"] == "macro_f1"


def test_phrases_train_a_network_of_its_own_and_never_reach_validation_or_test(variants):
    first, second, both = (metrics(variants, TREES, network) for network in (SENTENCES, PHRASES, BOTH))
    assert first["seeds"] != second["seeds"] != both["seeds"] != first["seeds"]
    assert first["rows"] == second["rows"] == both["rows"] == tiny.COUNTS["test"]
    assert model(variants, TREES, PHRASES)["training"]["supervision"] == "phrases"
    assert both["supervision"] == "phrases, then sentences"
    curve = pd.read_csv(variants.folder / f"reports/history/{TREES}/{BOTH}/1.csv")
    assert curve.rows[0] > 3 * tiny.COUNTS["train"] and set(curve.rows[1:]) == {tiny.COUNTS["train"]}
    clean = variants.folder / "data/clean" / TREES
    phrases = pd.read_parquet(clean / "phrases.parquet")
    assert len(phrases) > 3 * tiny.COUNTS["train"]
    held_out = pd.concat([pd.read_parquet(clean / f"{split}.parquet") for split in ("validation", "test")])
    assert set(phrases["text"]).isdisjoint(held_out["tokens"].map(" ".join))
    assert not (clean.parent / FILE / "phrases.parquet").exists()


def test_a_network_that_asks_for_phrases_first_does_without_where_there_are_none(variants):
    assert model(variants, TREES, BOTH)["training"]["phrases_first"]["epochs"] == 1
    assert model(variants, FILE, BOTH)["training"]["phrases_first"] is None
    assert metrics(variants, FILE, BOTH)["seeds"] == metrics(variants, FILE, SENTENCES)["seeds"]


def test_a_tutor_speaks_of_sentences_and_phrases_to_the_network_that_names_it_alone(variants):
    said = variants.folder / "data/lessons" / TREES / "tutored"
    phrases = pd.read_parquet(variants.folder / "data/clean" / TREES / "phrases.parquet")
    for part, count in {"train": tiny.COUNTS["train"], "phrases": len(phrases)}.items():
        assert len(opinions.load(said / f"{part}.npy")) == count
    assert "tutor" not in model(variants, TREES, SENTENCES)
    curve = model(variants, TREES, "tutored")["tutor"]["history"]
    assert [row["rows"] for row in curve] == [len(phrases), tiny.COUNTS["train"]]
    assert not (variants.folder / "data/tutors" / FILE / "ours").exists()
    [warning] = files.read_json(variants.folder / f"reports/comparison/{TREES}.json")["warnings"]
    assert warning == "tutored learns from what a transformer makes of the training rows (ours)"


def test_next_words_are_compared_apart_from_classes(variants):
    report = metrics(variants, TREES, "t5_next_word")
    assert report["headline"] == "perplexity"
    assert set(report["mean"]) == {"perplexity", "loss", "accuracy"}
    assert report["unigrams"]["perplexity"] > 1
    assert "perplexity" in variants.said
    frame = pd.read_parquet(variants.folder / f"reports/predictions/{TREES}/t5_next_word.parquet")
    assert list(frame.columns) == ["seed", "row", "words", "nats"]
    assert frame["nats"].sum() / frame["words"].sum() == pytest.approx(report["seeds"]["1"]["loss"])


def test_a_network_gets_the_vectors_of_its_files_for_unseen_words_too(variants):
    folder = variants.folder / "data/vectors" / TREES / "with_vectors"
    for part in ("training", "test"):
        assert files.read_json(folder / part / "vectors.json")["vectors"] == ["mine", "others"]
    unseen = (variants.folder / "data/vocabulary" / TREES / "test/unseen.txt").read_text().split()
    assert set(unseen) & set(tiny.TELLING[0])
    # The table of its words belongs to the model; frozen, it is no parameter.
    parameters = {name: model(variants, TREES, name)["parameters"] for name in ("with_vectors", SENTENCES)}
    words = model(variants, TREES, SENTENCES)["vocabulary_size"]
    assert parameters["with_vectors"] < parameters[SENTENCES] - 8 * words + 2000
    without = files.read_json(folder.parent / SENTENCES / "training/vectors.json")
    assert without["vectors"] == []


def test_nothing_runs_again_in_either_part(variants):
    said = variants.repro("--jobs", "2", suite="variants")
    assert variants.stages_run(said) == set()


def test_an_edited_file_runs_what_reads_it_and_nothing_else(variants):
    write_vectors(variants.folder / "my/vectors.txt", size=3, words=tiny.TELLING[0][::-1])
    write_reviews(variants.folder / "my/reviews.csv", count=63)
    said = variants.repro("--jobs", "2", suite="variants")
    prepares = ("download", "preprocess", "vocabulary", "vectors", "tutor", "lessons")
    prepared = {f"{stage}@{FILE}" for stage in prepares}
    trained = {f"train@{FILE}-{network}-1" for network in OF_FILE}
    evaluated = {f"evaluate@{FILE}-{network}" for network in OF_FILE}
    with_vectors = {f"vectors@{TREES}", f"train@{TREES}-with_vectors-1", f"evaluate@{TREES}-with_vectors"}
    compared = {f"{stage}@{corpus}" for stage in ("ensemble", "compare") for corpus in (FILE, TREES)}
    compared |= {f"floor@{FILE}"}
    assert variants.stages_run(said) == prepared | trained | evaluated | with_vectors | compared


def test_the_tracker_shows_both_parts(variants):
    done = variants.python(
        "-c",
        "import json, mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db'); "
        "runs = mlflow.search_runs(search_all_experiments=True, output_format='list'); "
        "shown = [run.data.tags for run in runs if run.data.tags['state'] == 'current']; "
        "print(json.dumps([tags['network'] for tags in shown if tags['level'] == 'network']))",
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout.splitlines()[-1])) == {*NETWORKS, *SHIPPED}
