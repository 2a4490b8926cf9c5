"""python -m unroll shapes: what it finds, what it says that it found, and what it refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from typer.testing import CliRunner

from unroll import catalogue, files, frames
from unroll.command_line import app
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.networks import checkpoints
from unroll.networks.classifier import build_model, parameter_count
from unroll.networks.spec import Network
from unroll.params import Params
from unroll.text.tokenization import TextRules, make_tokenizer, train_tokenizer
from unroll.training import loop

CORPUS = "tiny_trees"
TABLE = tiny.rows(20, seed=1, classes=5)
PRETRAINED = {"cell": "bag", "embedding": {"vectors": ["glove_6b_50d"]}}
WIDE = {"COLUMNS": "250"}
SHIPPED = Params(tiny.ROOT / "params.yaml")
NETWORKS = SHIPPED.get("networks", dict)
DRAWN = {
    name: NETWORKS[name] | {"embedding": {"size": 100, "scale": 0.1}}
    for name in ("bow", "lstm", "gru", "bigru")
}
"""For which no vectors need be looked up."""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A project in which the validation split of the first corpus has been encoded."""
    document = tiny.params()
    document["networks"] = NETWORKS | DRAWN | {"pretrained": PRETRAINED}
    document["ensembles"] = SHIPPED.get("ensembles", dict)
    tiny.write_params(tmp_path, document)
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data/vocabulary" / CORPUS
    data.mkdir(parents=True)
    tokens = [row["text"].split() for row in TABLE]
    vocabulary = Vocabulary.build(tokens, VocabularyRules())
    vocabulary.save(data / "vocabulary.txt")
    tiny.encoded(data / "validation", TABLE, vocabulary)
    rows = [{"row": place, **row, "tokens": tokens[place]} for place, row in enumerate(TABLE)]
    path = tmp_path / "data/clean" / CORPUS / "validation.parquet"
    frames.write_parquet(path, pd.DataFrame(rows), frames.CLEAN)
    return tmp_path


def vocabulary_size(folder: Path) -> int:
    return len(Vocabulary.load(folder / "data/vocabulary" / CORPUS / "vocabulary.txt"))


def shapes(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["shapes", *arguments], env=WIDE, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments: str) -> str:
    with pytest.raises(Refusal) as refusal:
        shapes(*arguments)
    return str(refusal.value)


def first_weights(folder: Path, name: str, seed: int = 1):
    whole = catalogue.load(folder / "params.yaml")
    loop.seed_everything(seed, epoch=0)
    return build_model(whole.networks[name], vocabulary_size(folder), len(whole.corpora[CORPUS].labels))


def look_up(folder: Path, name: str) -> None:
    """Stand in for the stage that looks up a network's pretrained vectors."""
    vectors = folder / f"data/vectors/{CORPUS}/{name}/training"
    vectors.mkdir(parents=True)
    np.save(vectors / "vocabulary.npy", np.full((vocabulary_size(folder), 3), 0.25, dtype=np.float32))


def save_model(folder: Path, name: str, model, network: Network) -> None:
    path = folder / "models" / CORPUS / name / "1"
    path.mkdir(parents=True)
    document = {
        "network": network.model_dump(mode="json"),
        "labels": ["a", "b", "c", "d", "e"],
        "vocabulary_sha256": files.sha256_of(folder / "data/vocabulary" / CORPUS / "vocabulary.txt"),
    }
    checkpoints.save_model(path, model.state_dict(), document)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_params_yaml_is_shown(folder, name):
    if pretrained := catalogue.load().networks[name].embedding.vectors:
        look_up(folder, name)
    said = shapes(name)
    longest = max(len(row["text"].split()) for row in TABLE[:4])
    assert f"B=4 L={longest} E=" in said
    assert "the first weights of seed 1" in said
    assert pretrained or f" {parameter_count(first_weights(folder, name)):,} " in said
    shown = (folder / "reports/shapes" / f"{CORPUS}-{name}.html").read_text(encoding="utf-8")
    assert f"<title>{name} on {CORPUS}</title>" in shown


def test_the_batch_is_the_first_rows_of_validation_and_the_text_the_shortest_of_them(folder):
    said = shapes("bow")
    texts = [row["text"] for row in TABLE[:4]]
    labels = catalogue.load().corpora[CORPUS].labels
    for number, row in enumerate(TABLE[:4], start=1):
        assert f"row {number}, {labels[row['label']]}: {row['text']} " in said
    shortest = min(range(4), key=lambda place: len(texts[place].split()))
    assert f"the values of row {shortest + 1} of the batch" in said
    page = (folder / f"reports/shapes/{CORPUS}-bow.html").read_text(encoding="utf-8")
    assert f"<q>{texts[shortest]}</q>" in page


def test_a_text_is_cut_and_encoded_as_its_corpus_says(folder):
    known = TABLE[0]["text"].split()[0]
    said = shapes("bow", "--text", f"{known.upper()}  Kazoo")
    assert "the values of the text given" in said
    vocabulary = Vocabulary.load(folder / f"data/vocabulary/{CORPUS}/vocabulary.txt")
    place = said.index("each word's place")
    lines = [line.split() for line in said[place:].splitlines()[1:3]]
    assert lines[0][1:4] == [known, "│", str(vocabulary.ids[known])]
    assert lines[1][1:7] == ["kazoo", "│", "1", "reads", "as", "<unk>"]


def test_a_text_is_cut_into_the_pieces_that_its_corpus_learned(folder):
    document = tiny.params()
    document["networks"] |= DRAWN
    rules = {"tokenizer": "bpe", "subwords": 40, "lowercase": True}
    document["corpora"][CORPUS]["text"] = rules
    tiny.write_params(folder, document)
    assert f"data/clean/{CORPUS}/tokenizer.json is missing" in refused("bow")
    texts = [row["text"] for row in TABLE]
    trained = train_tokenizer(TextRules(**rules), texts)
    files.write_text(folder / f"data/clean/{CORPUS}/tokenizer.json", trained)
    shapes("bow", "--text", "Superb Lamp")
    pieces = make_tokenizer(TextRules(**rules), trained=trained)("Superb Lamp")
    assert len(pieces) > 2
    page = (folder / f"reports/shapes/{CORPUS}-bow.html").read_text(encoding="utf-8")
    assert f"<q>{' '.join(pieces)}</q>" in page


def test_a_text_without_words_reads_as_one_unknown_word(folder):
    assert "<unk>" in shapes("lstm", "--text", "  ")


def test_a_text_of_ones_own_has_a_loss_only_where_its_words_are_the_answers(folder):
    def losses(*arguments: str) -> int:
        shapes(*arguments)
        page = (folder / f"reports/shapes/{CORPUS}-{arguments[0]}.html").read_text(encoding="utf-8")
        return page.count("for the text:")

    assert losses("lstm") == 1
    assert losses("lstm", "--text", "a lamp") == 0
    assert losses("t5_next_word", "--text", "a lamp") == 1


def test_the_first_weights_are_those_that_training_with_seed_1_begins_with(folder):
    said = shapes("lstm", "--text", "kazoo")
    first = first_weights(folder, "lstm").embedding.weight[1, :5].tolist()
    assert "  ".join(f"{value: .4f}" for value in first) in said


def test_a_trained_model_is_shown_where_there_is_one(folder):
    network = catalogue.load().networks["lstm"]
    model = first_weights(folder, "lstm", seed=8)
    save_model(folder, "lstm", model, network)
    said = shapes("lstm", "--text", "kazoo")
    assert f"trained, models/{CORPUS}/lstm/1" in said
    assert "untrained" not in said
    shown = "  ".join(f"{value: .4f}" for value in model.embedding.weight[1, :5].tolist())
    assert shown in said


def test_a_model_of_another_network_is_not_taken_for_this_one(folder):
    whole = catalogue.load()
    save_model(folder, "lstm", first_weights(folder, "gru"), whole.networks["gru"])
    said = shapes("lstm")
    assert f"untrained, the first weights of seed 1 (models/{CORPUS}/lstm/1 was trained before" in said
    assert "LSTM" in said


def test_pretrained_vectors_are_the_first_weights_of_their_words(folder):
    assert "data/vectors" in refused("pretrained")
    look_up(folder, "pretrained")
    said = shapes("pretrained", "--text", TABLE[0]["text"].split()[0])
    assert " E=3 " in said
    assert "0.2500   0.2500   0.2500" in said


def test_unknown_names_are_refused_with_the_choices(folder):
    message = refused("lsmt")
    assert "networks has no lsmt" in message
    assert "lstm, " in message
    message = refused("lstm", "--corpus", "nowhere")
    assert "corpora has no nowhere" in message
    assert CORPUS in message


def test_a_corpus_without_data_is_refused_with_what_to_run(folder):
    message = refused("lstm", "--corpus", "tiny_rows")
    assert "data/vocabulary/tiny_rows/vocabulary.txt is missing" in message
    assert "select.corpora" in message
    assert "make repro SUITE=keep" in message


def test_a_damaged_model_is_refused(folder):
    save_model(folder, "lstm", first_weights(folder, "lstm"), catalogue.load().networks["lstm"])
    with open(folder / f"models/{CORPUS}/lstm/1/weights.safetensors", "r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x7f")
    assert "damaged" in refused("lstm")


def test_the_page_repeats_to_the_byte(folder):
    path = folder / f"reports/shapes/{CORPUS}-bigru.html"
    shapes("bigru")
    first = path.read_bytes()
    torch.rand(3)
    shapes("bigru")
    assert path.read_bytes() == first
