"""What the Hub has, read through the real `datasets` from a stand-in on this machine."""

from pathlib import Path

import pytest
import tiny
from hub_child import (
    COUNTS,
    JSONL,
    PARQUET,
    SPLITS,
    hub_source,
    repository,
    run_stage,
)

from unroll.corpora import sources
from unroll.failures import Refusal
from unroll.params import parse


def test_rows_come_from_the_pinned_commit_and_no_other(hub, child):
    old, new = repository(), repository(train=tiny.as_jsonl(tiny.rows(6, seed=99)))
    hub.repositories = {"a/rows": {tiny.COMMIT: old, "main": new}}
    splits, record = child.fetch(hub_source("a/rows", revision=tiny.COMMIT))
    wanted = tiny.rows(6, seed=0)
    assert splits["train"] == [{"row": row, **wanted[row]} for row in range(6)]
    assert record["from"] == "hub"
    assert record["repository"] == "a/rows"
    assert record["revision"] == tiny.COMMIT
    assert record["rows"] == COUNTS
    assert record["differences"] == []
    assert "fallback" not in record
    assert not any(hub.commit("a/rows", "main") in request for request in hub.requests)


def test_a_branch_is_put_on_record_as_the_commit_it_stood_for(hub, child):
    table = {split: tiny.trees(count, seed) for seed, (split, count) in enumerate(COUNTS.items())}
    files = {f"ptb/{split}/0000.parquet": tiny.as_parquet(rows) for split, rows in table.items()}
    hub.repositories = {"a/trees": {"refs/convert/parquet": files, "main": {"trees.py": b"a loading script"}}}
    source = hub_source(
        "a/trees",
        "ptb/{split}/*.parquet",
        revision="refs/convert/parquet",
        form="trees",
        text="ptb_tree",
        label=None,
    )
    splits, record = child.fetch(source)
    assert record["revision"] == hub.commit("a/trees", "refs/convert/parquet")
    for split, rows in splits.items():
        assert [row["text"] for row in rows] == [row["ptb_tree"] for row in table[split]]
        assert [row["label"] for row in rows] == [int(row["ptb_tree"][1]) for row in table[split]]
    # Every file is asked for by commit, so that a branch that moves meanwhile mixes nothing.
    asked = [request for request in hub.requests if "/resolve/" in request]
    assert asked
    assert all(f"/resolve/{record['revision']}/" in request for request in asked)


def test_a_split_may_lie_in_several_files(hub, child):
    rows = tiny.rows(6, seed=0)
    parts = {"validation-0": rows[:5], "test-0": rows[:4], "train-0": rows[:2], "train-1": rows[2:]}
    files = {f"data/{name}.parquet": tiny.as_parquet(part) for name, part in parts.items()}
    hub.repositories = {"a/parts": {"main": files}}
    splits, _ = child.fetch(hub_source("a/parts", "data/{split}-*.parquet"))
    assert [row["text"] for row in splits["train"]] == [row["text"] for row in rows]


def test_two_downloads_give_the_same_bytes(hub, child, tmp_path):
    hub.repositories = {"a/same": {"main": repository()}}
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    tiny.record_corpus(first, "tiny")
    done = run_stage(first, hub_source("a/same"), hub.environment(first))
    assert done.returncode == 0, done.stderr
    child.download(second, hub_source("a/same"))
    written = [
        {path.name: path.read_bytes() for path in (folder / "data/raw/tiny").iterdir()}
        for folder in (first, second)
    ]
    assert set(written[0]) == {"source.json", "test.parquet", "train.parquet", "validation.parquet"}
    assert written[0] == written[1]


def test_a_missing_text_is_an_empty_one(hub, child):
    rows = b'{"text": null, "label": 0}\n' + tiny.as_jsonl(tiny.rows(5, seed=3))
    hub.repositories = {"a/null": {"main": repository(train=rows)}}
    splits, _ = child.fetch(hub_source("a/null"))
    assert splits["train"][0] == {"row": 0, "text": "", "label": 0}


GOOD = tiny.as_parquet(tiny.rows(3000, seed=0, classes=5))


@pytest.mark.parametrize(
    ("files", "train", "words"),
    [
        pytest.param(PARQUET, GOOD[:200], "damaged", id="parquet cut short"),
        pytest.param(PARQUET, b"x" * 200, "damaged", id="no parquet"),
        pytest.param(
            PARQUET, GOOD[:9000] + bytes(60) + GOOD[9060:], "damaged", id="parquet with bytes that changed"
        ),
        pytest.param(JSONL, tiny.as_jsonl(tiny.rows(6, 0))[:-9], "damaged", id="jsonl cut short"),
        pytest.param(JSONL, b'{"text": "caf\xe9", "label": 0}\n', "not UTF-8", id="another encoding"),
        pytest.param(JSONL, b'{"text": "\\ud800", "label": 0}\n', "damaged", id="half a surrogate pair"),
        pytest.param(
            JSONL, b'{"text": "a", "label": "good"}\n', "row 0: label is 'good'", id="label in words"
        ),
        pytest.param(JSONL, b'{"text": "a", "label": 0.5}\n', "row 0: label is 0.5", id="label a fraction"),
        pytest.param(
            JSONL,
            b'{"text": "a", "label": 1}\n{"text": "b", "label": null}\n',
            "row 1: label is None",
            id="no label",
        ),
    ],
)
def test_a_damaged_file_is_refused_in_one_message(hub, child, files, train, words):
    hub.repositories = {"a/damaged": {"main": repository(files, train=train)}}
    refusal = child.refusal(hub_source("a/damaged", files))
    assert "a/damaged" in refusal
    assert words in refusal


def test_a_missing_column_is_named_beside_those_there_are(hub, child):
    tables = {split: tiny.as_jsonl([{"words": "a lamp", "label": 0}]) for split in SPLITS}
    hub.repositories = {"a/columns": {"main": repository(**tables)}}
    assert "no column 'text'; it has words, label" in child.refusal(hub_source("a/columns"))
    assert "no column 'stars'" in child.refusal(hub_source("a/columns", text="words", label="stars"))


@pytest.mark.parametrize("tree", ["a plain lamp", "(a lamp)", "(3 (2 a) (2 lamp)", "", "3 (2 a)"])
def test_a_damaged_tree_is_refused_with_its_row(hub, child, tree):
    good = tiny.trees(6, seed=0)
    bad = [*good[:4], {"ptb_tree": tree}, good[5]]
    tables = {split: tiny.as_parquet(bad if split == "train" else good[: COUNTS[split]]) for split in SPLITS}
    hub.repositories = {"a/trees": {"main": repository(PARQUET, **tables)}}
    source = hub_source("a/trees", PARQUET, form="trees", text="ptb_tree", label=None)
    assert "train, row 4: not a labelled tree" in child.refusal(source)


def test_rows_without_a_label_column_are_refused_before_any_download():
    with pytest.raises(Refusal, match="label is missing"):
        parse(hub_source("a/rows", label=None), sources.Source, "source", Path("params.yaml"))
