"""The stage preprocess: the files that it writes, and that their bytes repeat."""

from functools import partial

import pandas as pd
import pytest
import tiny
from raw_rows import large, raw

from stages import preprocess
from unroll import frames
from unroll.files import read_json
from unroll.text import workers
from unroll.text.cutting import phrase_schema, schema


def test_the_stage_gives_the_same_bytes_each_time_and_tokens_that_survive_the_file(tmp_path, monkeypatch):
    table = {split: tiny.rows(count, seed) for seed, (split, count) in enumerate(tiny.COUNTS.items())}
    # Too short to be one of the others, and a class that has its rows already.
    table["train"].append({"text": "NA", "label": 0})
    monkeypatch.chdir(tmp_path)
    tiny.write_params(tmp_path, tiny.params())
    for split, rows in table.items():
        frame = pd.DataFrame(rows).assign(row=range(len(rows)))
        frames.write_parquet(tmp_path / f"data/raw/tiny_rows/{split}.parquet", frame, frames.RAW)
    written = []
    for _ in range(2):
        preprocess.main("tiny_rows")
        written.append(
            {path.name: path.read_bytes() for path in (tmp_path / "data/clean/tiny_rows").iterdir()}
        )
    assert written[0] == written[1]
    assert set(written[0]) == {"profile.json", *(f"{split}.parquet" for split in tiny.SPLITS)}
    train = frames.read_parquet(tmp_path / "data/clean/tiny_rows/train.parquet")
    schema(3).validate(train)
    assert train["tokens"].iloc[-1] == ["na"]
    assert list(train["text"]) == [row["text"] for row in table["train"]]
    assert read_json(tmp_path / "data/clean/tiny_rows/profile.json")["train"]["rows"] == len(train)


@pytest.mark.parametrize(
    ("corpus", "tokenizer", "more"),
    [("tiny_trees", "tree", {"phrases.parquet"}), ("tiny_rows", "bpe", {"tokenizer.json"})],
)
def test_the_stage_writes_phrases_for_trees_and_pieces_for_subwords(
    tmp_path, monkeypatch, corpus, tokenizer, more
):
    monkeypatch.chdir(tmp_path)
    params = tiny.params()
    params["corpora"][corpus]["text"] = {"tokenizer": tokenizer} | (
        {"subwords": 90} if tokenizer == "bpe" else {}
    )
    tiny.write_params(tmp_path, params)
    for seed, (split, count) in enumerate(tiny.COUNTS.items()):
        trees = [
            (tiny.tree(row["text"], row["label"]), row["label"]) for row in tiny.rows(count, seed, classes=5)
        ]
        rows = [(row["text"], row["label"]) for row in tiny.rows(count, seed)]
        frame = raw(trees if corpus == "tiny_trees" else rows)
        frames.write_parquet(tmp_path / f"data/raw/{corpus}/{split}.parquet", frame, frames.RAW)
    written = []
    for _ in range(2):
        preprocess.main(corpus)
        written.append(
            {path.name: path.read_bytes() for path in (tmp_path / "data/clean" / corpus).iterdir()}
        )
    assert written[0] == written[1]
    assert set(written[0]) == {"profile.json", *(f"{split}.parquet" for split in tiny.SPLITS)} | more
    if corpus == "tiny_trees":
        phrases = frames.read_parquet(tmp_path / "data/clean/tiny_trees/phrases.parquet")
        phrase_schema(5).validate(phrases)
        train = frames.read_parquet(tmp_path / "data/clean/tiny_trees/train.parquet")
        whole = phrases.groupby("sentence").first()
        assert list(whole.index) == list(train["row"])
        assert list(whole["tokens"]) == list(train["tokens"]) and list(whole["label"]) == list(train["label"])


@pytest.mark.parametrize("processes", [1, 2])
def test_the_stage_writes_the_same_bytes_by_one_process_and_by_several(tmp_path, monkeypatch, processes):
    monkeypatch.chdir(tmp_path)
    tiny.write_params(tmp_path, tiny.params())
    for split, frame in large().items():
        frames.write_parquet(tmp_path / f"data/raw/tiny_rows/{split}.parquet", frame, frames.RAW)
    folder, written = tmp_path / "data/clean/tiny_rows", []
    for chunks, count in ((frames.Chunks, 1), (partial(frames.Chunks, rows=11), processes)):
        monkeypatch.setattr(workers, "processes_for", lambda rows, count=count: count)
        monkeypatch.setattr(preprocess.frames, "Chunks", chunks)
        preprocess.main("tiny_rows")
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
