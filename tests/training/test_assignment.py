"""What a training reads, from the files of its corpus to the weights that it leaves."""

import shutil
import time
from pathlib import Path

import pytest
import runs
from searched import CORPUS, write_project

from unroll import files
from unroll.networks.batches import EncodedSplit
from unroll.training import assignment, loop
from unroll.training.assignment import Assignment, Places
from unroll.training.loop import Fitted


@pytest.mark.parametrize(
    ("asked_for", "learnt_from"),
    [
        ({"supervision": "sentences"}, ["train"]),
        ({"supervision": "phrases"}, ["train/phrases"]),
        ({"phrases_first": {"epochs": 1}}, ["train/phrases", "train"]),
    ],
    ids=["sentences", "phrases", "both"],
)
def test_pretraining_reads_the_sentences_and_training_what_it_is_supervised_by(
    tmp_path, monkeypatch, asked_for, learnt_from
):
    write_project(tmp_path)
    data = tmp_path / "data/vocabulary" / CORPUS
    shutil.copytree(data / "validation", data / "train/phrases")
    vectors = tmp_path / "vectors"
    vectors.mkdir()
    files.write_json(tmp_path / "profile.json", {"device": "cpu"})
    read, fit = [], loop.fit

    def remember(model, train: EncodedSplit, *more, **named) -> Fitted:
        read.append(len(train))
        return fit(model, train, *more, **named)

    monkeypatch.setattr(loop, "fit", remember)
    rules = runs.changed(epochs=1, **asked_for)
    asked = Assignment(CORPUS, "small", 1, runs.PRETRAINED, rules, ("a", "b", "c"), "accuracy")
    made = {name: tmp_path / name for name in ("model", "history", "checkpoints", "times")}
    made["checkpoints"].mkdir()
    assignment.carry_out(
        asked,
        Places(profile=tmp_path / "profile.json", data=data, vectors=vectors, **made),
        [],
        time.monotonic(),
    )
    assert rows_of(data / "train") != rows_of(data / "train/phrases")
    assert read == [rows_of(data / part) for part in ("train", *learnt_from)]
    assert list(made["checkpoints"].iterdir()) == []
    assert (made["model"] / "weights.safetensors").exists()


def rows_of(folder: Path) -> int:
    return len(EncodedSplit.load(folder, "cpu", 1))
