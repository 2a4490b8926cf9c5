"""The real corpora, read from a mirror of the Hub where UNROLL_MIRROR names one."""

import os
from pathlib import Path

import pytest
from clone import ROOT

from unroll import catalogue, cleaning, corpora

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


@pytest.mark.parametrize("name", EXPECTED)
def test_sst_has_the_published_rows_and_the_pinned_content(mirror, name):
    corpus = CATALOGUE.corpora[name]
    raw, record = corpora.fetch(corpus.source)
    assert record["from"] == "mirror" and record["differences"] == []
    frames, profile = cleaning.clean(raw, corpus.text, corpus.labels, corpus.relabel)
    for split, rows in EXPECTED[name].items():
        removed = sum(profile[split]["dropped"].values()) - profile[split]["dropped"]["class left out"]
        assert len(frames[split]) + removed == rows
        assert removed <= (20 if split == "train" else 0)


def test_the_tweets_of_a_mirror_are_read_and_what_differs_from_the_hub_is_put_on_record(mirror):
    raw, record = corpora.fetch(CATALOGUE.corpora["tweets"].source)
    assert len(raw["validation"]) == 2000 and len(raw["test"]) == 12284
    assert all(difference.startswith("train:") for difference in record["differences"])
