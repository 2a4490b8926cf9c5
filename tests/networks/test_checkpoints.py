"""Weights on disk: what is damaged is refused, nothing is a pickle, the same weights are the same bytes."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch

from unroll.failures import Refusal
from unroll.files import sha256_of
from unroll.networks import checkpoints

DOCUMENT = {"network": {"cell": "lstm"}, "labels": ["bad", "good"], "seed": 3}


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "output.weight": torch.randn(3, 4, generator=generator),
        "embedding.weight": torch.randn(50, 4, generator=generator),
        "steps": torch.tensor(7),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    checkpoints.save_model(tmp_path, weights(), DOCUMENT)
    return tmp_path


def test_a_model_is_the_same_after_loading(folder):
    found, document = checkpoints.load_weights(folder)
    assert set(found) == set(weights())
    assert all(torch.equal(found[name], tensor) for name, tensor in weights().items())
    assert document == DOCUMENT | {"weights_sha256": sha256_of(folder / "weights.safetensors")}


def test_weights_are_saved_whatever_their_layout_and_graph(tmp_path):
    turned = {"weight": torch.arange(6.0).reshape(2, 3).t().requires_grad_()}
    checkpoints.save_model(tmp_path, turned, DOCUMENT)
    assert torch.equal(checkpoints.load_weights(tmp_path)[0]["weight"], turned["weight"])


def test_the_same_weights_are_the_same_bytes_in_any_folder_and_order(tmp_path):
    written = []
    for name, named in (("a", weights()), ("another/folder", dict(reversed(weights().items())))):
        place = tmp_path / name
        place.mkdir(parents=True)
        checkpoints.save_model(place, named, DOCUMENT)
        written.append({path.name: path.read_bytes() for path in place.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"weights.safetensors", "model.json"}


def test_model_json_can_be_read_by_people(folder):
    text = (folder / "model.json").read_text(encoding="utf-8")
    assert json.loads(text)["labels"] == ["bad", "good"]
    assert text.count("\n") > 5


def test_every_flipped_bit_of_the_weights_is_refused(folder):
    path = folder / "weights.safetensors"
    good = path.read_bytes()
    for place in (0, 9, len(good) // 2, len(good) - 1):
        for bit in (0, 7):
            flipped = bytearray(good)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            with pytest.raises(Refusal, match=r"weights\.safetensors is damaged"):
                checkpoints.load_weights(folder)
    path.write_bytes(good)
    checkpoints.load_weights(folder)


@pytest.mark.parametrize("keep", [0, 1, 8, 100, -1])
def test_weights_that_were_cut_short_are_refused(folder, keep):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Refusal, match=r"weights\.safetensors is damaged.*run dvc repro"):
        checkpoints.load_weights(folder)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_a_missing_file_is_refused_by_name(folder, name):
    (folder / name).unlink()
    with pytest.raises(Refusal, match=f"{name} is missing: run dvc repro"):
        checkpoints.load_weights(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_model_json_that_is_none_is_refused(folder, content):
    (folder / "model.json").write_bytes(content)
    with pytest.raises(Refusal, match=rf"^{folder / 'model.json'} is damaged: "):
        checkpoints.load_weights(folder)


@pytest.mark.parametrize("content", [b"[]", b"{}", b"null"])
def test_a_model_json_without_a_digest_is_refused(folder, content):
    (folder / "model.json").write_bytes(content)
    with pytest.raises(Refusal) as refusal:
        checkpoints.load_weights(folder)
    again = "Delete the folder and run dvc repro, which restores or retrains it."
    assert str(refusal.value) == f"{folder / 'model.json'} is damaged. {again}"


def test_weights_of_another_model_are_refused(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    checkpoints.save_model(other, weights(seed=1), DOCUMENT)
    (folder / "weights.safetensors").write_bytes((other / "weights.safetensors").read_bytes())
    with pytest.raises(Refusal, match="its sha256 is not the one"):
        checkpoints.load_weights(folder)


# --- no pickle --------------------------------------------------------------------------------------


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_nothing_that_is_saved_is_a_pickle_or_a_zip(folder):
    checkpoints.save_checkpoint(folder / "run.safetensors", {"model": weights()}, {"epoch": 1})
    for path in folder.iterdir():
        content = path.read_bytes()
        assert not content.startswith((b"\x80", b"PK")), path
        with pytest.raises(Exception):  # noqa: B017 (whatever pickle finds wrong with it)
            pickle.loads(content)


@pytest.mark.parametrize("writer", ["pickle", "torch"])
@pytest.mark.parametrize("digest", ["old", "matching"])
def test_a_pickle_in_place_of_weights_is_refused_and_not_run(folder, writer, digest):
    trap, path = folder / "sprung", folder / "weights.safetensors"
    if writer == "torch":
        torch.save({"weight": Trap(trap)}, path)
    else:
        path.write_bytes(pickle.dumps(Trap(trap)))
    if digest == "matching":
        document = DOCUMENT | {"weights_sha256": sha256_of(path)}
        (folder / "model.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(Refusal, match=r"weights\.safetensors is"):
        checkpoints.load_weights(folder)
    assert not trap.exists()


def test_the_trap_would_have_sprung(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()


def test_a_pickle_in_place_of_a_checkpoint_is_not_run_but_ignored(tmp_path):
    (tmp_path / "run.safetensors").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    assert checkpoints.load_checkpoint(tmp_path / "run.safetensors", "cpu") is None
    assert not (tmp_path / "sprung").exists()


# --- checkpoints of a run ---------------------------------------------------------------------------

PARTS = {"model": weights(0), "best": weights(1), "optimizer": {"0.step": torch.tensor(3.0)}}
STATE = {"epoch": 2, "best_score": 0.1 + 0.2, "history": [{"epoch": 1, "train_loss": 1 / 3}]}


def test_a_checkpoint_is_the_same_after_loading(tmp_path):
    path = tmp_path / "new/run.safetensors"
    checkpoints.save_checkpoint(path, PARTS, STATE)
    parts, document = checkpoints.load_checkpoint(path, "cpu")
    assert document == STATE
    assert {part: set(named) for part, named in parts.items()} == {part: set(PARTS[part]) for part in PARTS}
    for part, named in PARTS.items():
        assert all(torch.equal(parts[part][name], tensor) for name, tensor in named.items())
    assert os.listdir(path.parent) == ["run.safetensors"]


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert checkpoints.load_checkpoint(tmp_path / "run.safetensors", "cpu") is None


@pytest.mark.parametrize("keep", [0, 4, 60, -1])
def test_a_checkpoint_that_was_cut_short_counts_as_none(tmp_path, keep):
    path = tmp_path / "run.safetensors"
    checkpoints.save_checkpoint(path, PARTS, STATE)
    path.write_bytes(path.read_bytes()[:keep])
    assert checkpoints.load_checkpoint(path, "cpu") is None


def test_a_checkpoint_with_a_flipped_bit_counts_as_none(tmp_path):
    path = tmp_path / "run.safetensors"
    checkpoints.save_checkpoint(path, PARTS, STATE)
    good = path.read_bytes()
    for place in range(0, len(good), 37):
        flipped = bytearray(good)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert checkpoints.load_checkpoint(path, "cpu") is None, place
    path.write_bytes(good)
    assert checkpoints.load_checkpoint(path, "cpu") is not None


def test_names_of_tensors_may_have_slashes(tmp_path):
    checkpoints.save_checkpoint(tmp_path / "one", {"optimizer": {"0/step/1": torch.ones(1)}}, {})
    parts, _ = checkpoints.load_checkpoint(tmp_path / "one", "cpu")
    assert list(parts["optimizer"]) == ["0/step/1"]


def test_other_code_is_another_run(tmp_path, monkeypatch):
    (tmp_path / "networks").mkdir()
    code = tmp_path / "networks/cells.py"
    code.write_text("a = 1\n")
    monkeypatch.setattr(checkpoints, "PACKAGE", tmp_path)
    key = checkpoints.key_of({}, [])
    (tmp_path / "notes.txt").write_text("no code")
    assert checkpoints.key_of({}, []) == key
    code.write_text("a = 2\n")
    assert checkpoints.key_of({}, []) != key


def test_a_key_names_all_that_decides_a_run(tmp_path):
    data = tmp_path / "train"
    data.mkdir()
    (data / "ids.npy").write_bytes(b"1")
    key = checkpoints.key_of({"seed": 1, "rate": 0.1}, [data])
    assert checkpoints.key_of({"rate": 0.1, "seed": 1}, [data]) == key
    assert checkpoints.key_of({"seed": 2, "rate": 0.1}, [data]) != key
    (data / "ids.npy").write_bytes(b"2")
    assert checkpoints.key_of({"seed": 1, "rate": 0.1}, [data]) != key
