"""A trained classifier reads new texts as it read those of its corpus, one by one or all at once."""

from pathlib import Path

import numpy as np
import pytest
import tiny
from runs import READER, changed, experiment

from unroll import files
from unroll.failures import Refusal
from unroll.networks import checkpoints, tasks
from unroll.networks.spec import Embedding, RecurrentNetwork
from unroll.prediction.predictor import Predictor
from unroll.text.tokenization import TextRules, make_tokenizer, train_tokenizer

LABELS = ["low", "middle", "high"]
WORDS = TextRules(tokenizer="whitespace", lowercase=True)
SMALL = RecurrentNetwork(cell="gru", hidden=8, bidirectional=True, pooling="max", embedding=Embedding(size=8))
TEXTS = [row["text"] for row in tiny.rows(40, seed=7)]


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory) -> Path:
    """A folder with `model/`, as a train stage leaves one, and vocabulary.txt."""
    return saved(corpus, tmp_path_factory.mktemp("trained"), SMALL)


def saved(corpus, folder: Path, network) -> Path:
    corpus.vocabulary.save(folder / "vocabulary.txt")
    made = experiment(corpus, network, changed(epochs=6))
    fitted = made.run(made.model(None, "cpu"), corpus.train, corpus.validation, folder / "run.safetensors")
    document = {
        "network": network.model_dump(mode="json"),
        "labels": LABELS,
        "vocabulary_sha256": files.sha256_of(folder / "vocabulary.txt"),
    }
    with files.whole_folder(folder / "model") as model:
        checkpoints.save_model(model, fitted.weights, document)
    return folder


def load(folder: Path, rules: TextRules = WORDS, **more: object) -> Predictor:
    return Predictor.load(folder / "model", folder / "vocabulary.txt", rules, **more)


@pytest.mark.parametrize("changes", [{}, {"layers": 2}, {"pooling": "max+attention"}])
def test_texts_get_what_the_corpus_gets_row_for_row(corpus, trained, tmp_path, changes):
    folder = saved(corpus, tmp_path, SMALL.model_copy(update=changes)) if changes else trained
    predictor = load(folder)
    rows = [{"text": text, "label": 0} for text in TEXTS]
    expected = tasks.predict(predictor.model, tiny.encoded(tmp_path / "rows", rows, corpus.vocabulary))
    found = predictor.predict(TEXTS)
    np.testing.assert_allclose(found.probabilities_NC, expected, rtol=0, atol=1e-6)
    assert found.labels == [LABELS[place] for place in expected.argmax(axis=1)]
    assert len(set(found.labels)) > 1


@pytest.mark.parametrize("size", [1, 3, 40])
def test_what_stands_beside_a_text_does_not_matter(trained, size):
    predictor = load(trained)
    together = predictor.predict(TEXTS).probabilities_NC
    order = np.random.default_rng(1).permutation(len(TEXTS))
    shuffled = [TEXTS[place] for place in order]
    parts = [
        predictor.predict(shuffled[at : at + size]).probabilities_NC for at in range(0, len(TEXTS), size)
    ]
    np.testing.assert_allclose(np.concatenate(parts), together[order], atol=1e-6)


@pytest.mark.parametrize("tokenizer", ["whitespace", "basic_english", "tweet", "tweet_re2"])
def test_texts_are_cut_and_coded_as_the_corpus_would_be(trained, tokenizer):
    rules = TextRules(normalise=("html",), tokenizer=tokenizer, lowercase=True)
    texts = ["The lamp, the LAMP", "", "nobody-knows this &amp; <unk> <pad>", "  ", "old :D"]
    predictor = load(trained, rules)
    split, cut = predictor.encode(texts), make_tokenizer(rules)
    expected = [predictor.vocabulary.encode(cut(text)) for text in texts]
    assert split.lengths.tolist() == [len(row) for row in expected]
    assert split.ids.tolist() == [index for row in expected for index in row]
    assert split.offsets.tolist() == [0, *np.cumsum(split.lengths)]


def test_a_network_of_trees_cuts_what_people_write(trained):
    predictor = load(trained, TextRules(tokenizer="tree"))
    assert predictor.cut(["The lamp, (old) isn't lit."]).to_pylist() == [
        ["the", "lamp", ",", "(", "old", ")", "is", "n't", "lit", "."]
    ]


def test_bfloat16_moves_probabilities_by_little_and_only_when_asked_for(trained):
    exact, rounded = (load(trained, **more).predict(TEXTS) for more in ({}, {"precision": "bfloat16"}))
    moved = np.abs(rounded.probabilities_NC - exact.probabilities_NC).max()
    assert 1e-6 < moved < 0.02


def test_bfloat16_is_refused_where_nothing_reads_in_it(corpus, tmp_path):
    folder = saved(corpus, tmp_path, SMALL.model_copy(update={"layers": 2}))
    with pytest.raises(Refusal, match="model reads in float32 alone"):
        load(folder, precision="bfloat16")


def test_a_text_without_words_has_a_prediction_and_no_text_has_none(trained):
    predictor = load(trained)
    assert predictor.predict([""]).probabilities_NC.sum() == pytest.approx(1.0)
    nothing = predictor.predict([])
    assert nothing.probabilities_NC.shape == (0, len(LABELS))
    assert nothing.labels == []


def test_learned_pieces_cut_new_texts_too(corpus, trained, tmp_path):
    rules = TextRules(tokenizer="bpe", subwords=40)
    (tmp_path / "tokenizer.json").write_text(train_tokenizer(rules, TEXTS), encoding="utf-8")
    found = load(trained, rules, pieces=tmp_path / "tokenizer.json").predict(TEXTS)
    assert found.probabilities_NC.sum(axis=1) == pytest.approx(1.0)
    with pytest.raises(Refusal, match=r"tokenizer\.json"):
        load(trained, rules)


def test_what_is_missing_is_named(trained, tmp_path):
    with pytest.raises(Refusal, match=r"absent/model\.json is missing"):
        Predictor.load(tmp_path / "absent", trained / "vocabulary.txt", WORDS)
    with pytest.raises(Refusal, match=r"none\.txt is missing"):
        Predictor.load(trained / "model", tmp_path / "none.txt", WORDS)


def test_another_vocabulary_is_refused(trained, tmp_path):
    (tmp_path / "vocabulary.txt").write_text("<pad>\t0\n<unk>\t0\nlamp\t1\n", encoding="utf-8")
    with pytest.raises(Refusal, match="another vocabulary"):
        Predictor.load(trained / "model", tmp_path / "vocabulary.txt", WORDS)


def test_a_network_that_predicts_words_is_refused(corpus, tmp_path):
    folder = saved(corpus, tmp_path, READER)
    with pytest.raises(Refusal, match="predicts next words"):
        load(folder)
