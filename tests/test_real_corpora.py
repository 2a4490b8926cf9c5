"""The real corpora, read from a mirror of the Hub where UNROLL_MIRROR names one."""

import os
from collections import Counter
from pathlib import Path

import pytest
from clone import ROOT
from in_memory import clean

from unroll import catalogue
from unroll.corpora import readers
from unroll.text.tokenization import make_tokenizer

CATALOGUE = catalogue.load(ROOT / "params.yaml")
EXPECTED = {
    "sst5": {"train": 8544, "validation": 1101, "test": 2210},
    "sst3": {"train": 8544, "validation": 1101, "test": 2210},
    "sst2": {"train": 6920, "validation": 872, "test": 1821},
}


@pytest.fixture(scope="module")
def mirror() -> Path:
    folder = os.environ.get("UNROLL_MIRROR")
    if not folder:
        pytest.skip("UNROLL_MIRROR names no mirror of the Hub")
    return Path(folder)


PHRASES = {"sst5": (318411, 304861), "sst3": (318411, 304859), "sst2": (318416, 98501)}
"""Nodes of the training trees, and what is left of them."""


@pytest.mark.parametrize("name", EXPECTED)
def test_sst_has_the_published_rows_and_the_pinned_content(mirror, name):
    corpus = CATALOGUE.corpora[name]
    raw, record = readers.fetch(corpus.source, corpus.labels)
    assert record["from"] == "mirror" and record["differences"] == []
    cleaned = clean(raw, corpus.text, corpus.labels, corpus.relabel)
    frames, profile = cleaned.splits, cleaned.profile
    for split, rows in EXPECTED[name].items():
        removed = sum(profile[split]["dropped"].values()) - profile[split]["dropped"]["class left out"]
        assert len(frames[split]) + removed == rows
        assert removed <= (20 if split == "train" else 0)
    assert (profile["phrases"]["rows_before"], len(cleaned.phrases)) == PHRASES[name]
    # A sentence that is a row itself stands first among its phrases, with the same class.
    whole = cleaned.phrases.groupby("sentence").first()
    train = frames["train"].set_index("row")
    assert whole.loc[train.index, "label"].equals(train["label"])
    assert whole.loc[train.index, "tokens"].equals(train["tokens"])


def test_the_tweets_of_a_mirror_are_read_and_what_differs_from_the_hub_is_put_on_record(mirror):
    raw, record = readers.fetch(CATALOGUE.corpora["tweets"].source, ())
    assert len(raw["validation"]) == 2000 and len(raw["test"]) == 12284
    assert all(difference.startswith("train:") for difference in record["differences"])


def test_the_offensive_tweets_are_the_benchmarks(mirror):
    corpus = CATALOGUE.corpora["offensive"]
    raw, record = readers.fetch(corpus.source, corpus.labels)
    assert record["differences"] == []
    cleaned = clean(raw, corpus.text, corpus.labels, corpus.relabel)
    assert cleaned.phrases is None
    assert (
        cleaned.profile["train"]["labels"]["not offensive"] > cleaned.profile["train"]["labels"]["offensive"]
    )


def test_ag_news_has_its_test_split_and_a_validation_split_of_rows_that_train_lacks(mirror):
    corpus = CATALOGUE.corpora["ag_news"]
    raw, record = readers.fetch(corpus.source, corpus.labels)
    assert len(raw["test"]) == 7600
    assert all(difference.startswith("train:") for difference in record["differences"])
    rows = record["rows"]
    assert 0.04 < rows["validation"] / (rows["validation"] + rows["train"]) < 0.06
    cleaned = clean(raw, corpus.text, corpus.labels, corpus.relabel)
    assert min(cleaned.profile["validation"]["labels"].values()) > 80
    assert not set(raw["validation"]["text"]) & set(raw["train"]["text"])


# Of the 20 most frequent tokens that T3's notebook printed, those that spaCy cuts today as it did then.
T3_COUNTS = {
    ".": 8041,
    ",": 7131,
    "the": 6087,
    "of": 4446,
    "a": 4423,
    "to": 3024,
    "'s": 2544,
    "is": 2540,
    "that": 1916,
    "in": 1817,
    "it": 1781,
    "The": 1265,
    "as": 1203,
    "film": 1156,
    "but": 1076,
    "with": 1071,
    "movie": 999,
    "for": 977,
}


def test_t3s_vocabulary_is_found_again_but_for_what_spacy_cuts_differently_since(mirror):
    corpus = CATALOGUE.corpora["sst3_spacy"]
    raw, _ = readers.fetch(corpus.source, ("0", "1", "2", "3", "4"))
    tokenize = make_tokenizer(corpus.text, trees=True)
    counts = Counter(token for tree in raw["train"]["text"] for token in tokenize(tree))
    assert {token: counts[token] for token in T3_COUNTS} == T3_COUNTS
    assert (counts["and"], counts["-"]) == (4475, 2798)  # 4474 and 2739 then
    assert len(counts) + 2 == 17134  # 17200 then
