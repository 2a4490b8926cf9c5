"""Damage: models, arrays and tables that something else than a stage has changed."""

import json
import pickle
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from own_corpus import CORPUS, NETWORK, SEED, OwnCorpus, predict
from safetensors.torch import load_file, save_file

from stages import preprocess
from unroll import files
from unroll.evaluation import models
from unroll.failures import Refusal
from unroll.networks import checkpoints
from unroll.networks.batches import EncodedSplit

MODEL = f"models/{CORPUS}/{NETWORK}/{SEED}"
VOCABULARY = f"data/vocabulary/{CORPUS}"


@pytest.fixture
def own(copied) -> OwnCorpus:
    return copied


class Bomb:
    """A pickle that leaves a file behind when it is read as one."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


@pytest.fixture
def bomb(tmp_path) -> bytes:
    marker = tmp_path / "marker"
    content = pickle.dumps(Bomb(marker))
    pickle.loads(content)
    assert marker.exists(), "it would show nothing"
    marker.unlink()
    return content


def flipped(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


# --- weights ----------------------------------------------------------------------------------------


def test_a_flipped_bit_of_the_weights_is_refused_wherever_it_is(own, tell, times):
    path, draw, tries = own.folder / MODEL / "weights.safetensors", random.Random(1), times(200, 20)
    content, digest = path.read_bytes(), files.sha256_of(own.folder / VOCABULARY / "vocabulary.txt")
    for _ in range(tries):
        path.write_bytes(flipped(content, draw))
        with pytest.raises(Refusal, match=r"weights\.safetensors is damaged") as caught:
            models.load_model(path.parent, digest, "cpu")
    said = str(caught.value).replace(f"{own.folder}/", "")
    tell(f"one flipped bit of the weights, {tries} random places", f"{tries} of {tries} refused: {said}")


def test_a_flipped_bit_of_model_json_never_ends_in_a_traceback(own, tell, times):
    path, draw, tries = own.folder / MODEL / "model.json", random.Random(2), times(200, 20)
    content, digest = path.read_bytes(), files.sha256_of(own.folder / VOCABULARY / "vocabulary.txt")
    refusals = 0
    for _ in range(tries):
        path.write_bytes(flipped(content, draw))
        try:
            models.load_model(path.parent, digest, "cpu")
        except Refusal:
            refusals += 1
    tell(
        f"one flipped bit of model.json, {tries} random places",
        f"{refusals} refused; the others are in what loading does not read (names, times of the profile)",
    )
    assert refusals > tries / 4


def rewritten(own: OwnCorpus, **changes: object) -> None:
    """Change model.json."""
    path = own.folder / MODEL / "model.json"
    files.write_json(path, files.read_json(path) | changes)


def other_network(own: OwnCorpus, **changes: object) -> None:
    rewritten(own, network=files.read_json(own.folder / MODEL / "model.json")["network"] | changes)


def with_weights(own: OwnCorpus, content: bytes) -> None:
    """Put something in the place of the weights, with its own sha256 in model.json."""
    path = own.folder / MODEL / "weights.safetensors"
    path.write_bytes(content)
    rewritten(own, weights_sha256=files.sha256_of(path))


def without_a_tensor(own: OwnCorpus) -> None:
    path = own.folder / MODEL / "weights.safetensors"
    weights = load_file(path)
    weights.pop("embedding.weight")
    save_file(weights, path)
    rewritten(own, weights_sha256=files.sha256_of(path))


def another_vocabulary(own: OwnCorpus) -> None:
    path = own.folder / VOCABULARY / "vocabulary.txt"
    path.write_text(path.read_text() + "lamps\t1\n")


OTHER = "the weights are not those of the network in model.json"
MODELS = {
    "model.json of a larger network": (
        lambda own: other_network(own, hidden=5),
        "of the network in model.json",
    ),
    "model.json of another cell": (
        lambda own: other_network(own, cell="lstm"),
        "of the network in model.json",
    ),
    "model.json of no network": (lambda own: other_network(own, cell="x"), OTHER),
    "model.json with a class more": (lambda own: rewritten(own, labels=["a"] * 4), OTHER),
    "model.json without a network": (
        lambda own: rewritten(own, network=None),
        "of the network in model.json",
    ),
    "model.json that is a list": (
        lambda own: files.write_json(own.folder / MODEL / "model.json", []),
        "model.json is damaged",
    ),
    "model.json cut in half": (
        lambda own: (own.folder / MODEL / "model.json").write_text('{"network": '),
        "model.json is damaged",
    ),
    "weights without the embedding": (without_a_tensor, "have no 'embedding.weight'"),
    "empty weights": (lambda own: with_weights(own, b""), "is not in safetensors format"),
    "weights of another vocabulary": (
        another_vocabulary,
        "was trained with another vocabulary",
    ),
    "no weights": (lambda own: (own.folder / MODEL / "weights.safetensors").unlink(), "is missing: run dvc"),
    "no folder of the model": (lambda own: shutil.rmtree(own.folder / MODEL), "is missing: run dvc repro"),
}


@pytest.mark.parametrize("tried", MODELS)
def test_a_model_that_is_not_what_it_says_is_refused(own, refusals, tried):
    damage, named = MODELS[tried]
    damage(own)
    refusals.stage(own, tried, "evaluate", MODEL, named)


def test_a_pickle_in_place_of_weights_is_refused_and_not_run(own, refusals, bomb, tmp_path):
    with_weights(own, bomb)
    refusals.stage(own, "a malicious pickle as weights", "evaluate", "is not in safetensors format")
    assert not (tmp_path / "marker").exists()


def test_a_pickle_in_place_of_a_checkpoint_is_not_run_and_training_begins_anew(own, tell, bomb, tmp_path):
    weights = (own.folder / MODEL / "weights.safetensors").read_bytes()
    path = own.folder / ".unroll/checkpoints/x.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bomb)
    assert checkpoints.load_checkpoint(path, "cpu") is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "key_of", lambda *_: "k")
        (path.parent / f"{CORPUS}-{NETWORK}-{SEED}-k.safetensors").write_bytes(bomb)
        own.run("train")
    assert not (tmp_path / "marker").exists()
    assert (own.folder / MODEL / "weights.safetensors").read_bytes() == weights
    tell("a malicious pickle as checkpoint", "not run; training begins anew and ends with the same bytes")


# --- arrays and tables ------------------------------------------------------------------------------

PICKLES = {
    f"{VOCABULARY}/train/ids.npy": "train",
    f"{VOCABULARY}/train/labels.npy": "train",
    f"{VOCABULARY}/validation/offsets.npy": "train",
    f"{VOCABULARY}/test/rows.npy": "evaluate",
    f"data/vectors/{CORPUS}/{NETWORK}/training/vocabulary.npy": "train",
    f"data/raw/{CORPUS}/train.parquet": "preprocess",
    f"data/clean/{CORPUS}/train.parquet": "vocabulary",
    f"reports/predictions/{CORPUS}/{NETWORK}.parquet": "compare",
    f"reports/predictions/{CORPUS}/tfidf.parquet": "compare",
    f"data/clean/{CORPUS}/test.parquet": "floor",
}


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_in_place_of_data_is_refused_and_not_run(own, refusals, bomb, tmp_path, name):
    (own.folder / name).write_bytes(bomb)
    refusals.stage(own, f"a malicious pickle as {Path(name).name}", PICKLES[name], f"{name} is damaged")
    assert not (tmp_path / "marker").exists()


def test_an_array_of_pickles_is_refused_and_not_run(own, refusals, tmp_path):
    name = f"{VOCABULARY}/train/ids.npy"
    np.save(own.folder / name, np.array([Bomb(tmp_path / "marker")], dtype=object), allow_pickle=True)
    refusals.stage(own, "an .npy file of malicious objects", "train", f"{name} is damaged")
    assert not (tmp_path / "marker").exists()


def test_damaged_arrays_are_refused_or_are_the_numbers_of_a_split(own, tell, times):
    """DVC compares checksums before a stage runs; this is about what happens without it."""
    folder, draw, tries = own.folder / VOCABULARY / "train", random.Random(3), times(400, 40)
    names = ["ids", "offsets", "labels", "rows"]
    refusals = 0
    for number in range(tries):
        path = folder / f"{names[number % 4]}.npy"
        content = path.read_bytes()
        header = number % 8 < 4  # else cut off behind any byte
        path.write_bytes(
            flipped(content[:128], draw) + content[128:]
            if header
            else content[: draw.randrange(len(content))]
        )
        try:
            split = EncodedSplit.load(folder, "cpu", 50)
            assert len(split.labels) == len(split.rows) == len(split.offsets) - 1
            assert int(split.offsets[-1]) == len(split.ids)
        except Refusal as refusal:
            assert "is damaged" in str(refusal)
            refusals += 1
        path.write_bytes(content)
    tell(
        f"arrays with a flipped bit in the header, or cut off, {tries} random places",
        f"{refusals} refused with the file's name; the others read as what was written",
    )
    assert refusals >= tries / 2


def test_damaged_parquet_is_refused_or_reads_as_what_was_written(own, tell, times, monkeypatch):
    path, draw, tries = own.folder / f"data/raw/{CORPUS}/train.parquet", random.Random(4), times(300, 30)
    content, clean = path.read_bytes(), own.folder / "data/clean"
    written = (clean / CORPUS / "train.parquet").read_bytes()
    refusals, same = 0, 0
    monkeypatch.chdir(own.folder)
    for number in range(tries):
        start, end = ((0, 64), (64, len(content) - 1200), (len(content) - 1200, len(content)))[number % 3]
        damaged = content[:start] + flipped(content[start:end], draw) + content[end:]
        path.write_bytes(damaged if number % 4 else content[: draw.randrange(len(content))])
        try:
            preprocess.main(CORPUS)
        except Refusal as refusal:
            assert "train.parquet is damaged" in str(refusal), refusal
            refusals += 1
        else:
            assert (clean / CORPUS / "train.parquet").read_bytes() == written, "it read other rows"
            same += 1
    tell(
        f"raw rows with a flipped bit in head, middle or footer, or cut off, {tries} random places",
        f"{refusals} refused with the file's name, {same} read as the very rows that were written",
    )


# --- prediction -------------------------------------------------------------------------------------

LONG = "old lamp " * 116_509
TEXTS = [
    b"",
    b"   ",
    b"https://lamp.example",
    "U+2028 \u2028 within".encode(),
    "👩‍👩‍👧‍👦 🏳️‍🌈".encode(),
    "מנורה ישנה".encode(),
    b"NA",
    b"null",
    b"qqq zzz",
    b'"',
    b"a\rb",
    b"a\x00b",
    LONG.encode(),
]


def test_every_odd_text_has_a_prediction_from_standard_input(whole, tell):
    done = predict(whole.folder, given=b"\n".join(TEXTS) + b"\n")
    said = done.stdout.decode().split("\n")[:-1]  # str.splitlines knows U+2028 too
    assert done.returncode == 0, done.stderr.decode()
    assert len(said) == len(TEXTS)
    for line in said:
        assert sum(json.loads(line)["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    warning = done.stderr.decode().strip().splitlines()[-1]
    assert "the first 10,000 characters of 1 longer texts are read" in warning
    tell(
        "predict from standard input: empty, blank, a link, U+2028, emoji, right to left, NA, null, unknown "
        "words, a quotation mark, NUL, 1 MB",
        f"{len(TEXTS)} texts, {len(said)} predictions; {warning.removeprefix('unroll: ')}",
    )


PREDICTIONS = {
    "predict: a line that is not UTF-8": (
        [],
        b"a lamp\ncaf\xe9\n",
        "standard input, line 2, byte 10: not UTF-8",
    ),
    "predict: a text that is not UTF-8": ([b"a lamp", b"caf\xe9"], b"", "text 2, character 4: not UTF-8"),
}


@pytest.mark.parametrize("tried", PREDICTIONS)
def test_what_is_no_text_is_refused_with_its_place(whole, tell, tried):
    texts, given, named = PREDICTIONS[tried]
    done = predict(whole.folder, *texts, given=given)
    said = done.stderr.decode()
    assert done.returncode == 1 and named in said and "Traceback" not in said, said
    tell(tried, said.partition("unroll: ")[2].strip())


def test_no_text_has_no_prediction(whole, tell):
    done = predict(whole.folder)
    assert done.returncode == 0 and not done.stdout
    tell("predict: an empty standard input", "no line")


def test_a_model_is_chosen_by_names_that_are_told(own, tell):
    shutil.rmtree(own.folder / MODEL)
    done = predict(own.folder, "a lamp")
    assert done.returncode == 1 and f"{MODEL}/model.json is missing: run dvc repro" in done.stderr.decode()
    tell("predict: no folder of the model", done.stderr.decode().partition("unroll: ")[2].strip())
