"""A tutor's lesson, from files to files: it learns, goes on where it was stopped, and reads no test row."""

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import runs
import tiny_encoder
import torch
from in_memory import save_encoded

from unroll import progress
from unroll.distillation import opinions
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.training import interruption
from unroll.training.loop import PhrasesFirst
from unroll.tutoring.lesson import Lesson
from unroll.tutoring.spec import Engaged, Tutor

WORDS = ["lamp", "kettle", "clock"]
FILLER = ["garden", "test", "gardens"]
COUNTS = {"train": 48, "validation": 12, "train/phrases": 60}


def rows(count: int, seed: int) -> tuple[list[list[str]], list[int]]:
    """Return texts whose first word tells their class, and their classes; of some the end is cut off."""
    draw = np.random.default_rng(seed)
    labels = [place % 3 for place in range(count)]
    texts = [[WORDS[label], *draw.choice(FILLER, draw.integers(0, 3)).tolist()] for label in labels]
    return texts, labels


@pytest.fixture
def lesson(tmp_path) -> Lesson:
    vocabulary = Vocabulary.build(rows(48, 0)[0], VocabularyRules())
    (tmp_path / "data").mkdir()
    vocabulary.save(tmp_path / "data/vocabulary.txt")
    for seed, (part, many) in enumerate(COUNTS.items()):
        save_encoded(tmp_path / "data" / part, vocabulary, range(many), *rows(many, seed))
    (tmp_path / "checkpoints").mkdir()
    return Lesson("tiny", tmp_path / "data", 3, "accuracy", {"device": "cpu"}, tmp_path / "checkpoints")


@pytest.fixture
def engaged(tmp_path, monkeypatch) -> Engaged:
    source = tiny_encoder.install(tmp_path, monkeypatch)
    training = {"epochs": 6, "patience": 6, "batch_size": 8, "optimizer": "adamw", "learning_rate": 0.003}
    return Engaged(tutor=Tutor(encoder="ours", dropout=0.1, training=training), encoder=source)


def changed(engaged: Engaged, dropout: float = 0.1, **training) -> Engaged:
    update = {"dropout": dropout, "training": engaged.tutor.training | training}
    return engaged.model_copy(update={"tutor": engaged.tutor.model_copy(update=update)})


def give(lesson: Lesson, engaged: Engaged):
    rules = engaged.tutor.rules(runs.RULES, {}, lesson.has_phrases)
    return lesson.give("ours", engaged, rules)


def with_phrases(engaged: Engaged) -> Engaged:
    tutor = engaged.tutor.model_copy(update={"phrases_first": PhrasesFirst(epochs=2, learning_rate=0.01)})
    return engaged.model_copy(update={"tutor": tutor})


def test_it_learns_the_classes_and_says_what_it_makes_of_each_row(lesson, engaged, tmp_path):
    learned = give(lesson, changed(engaged, dropout=0.0, epochs=20, patience=20))
    (tmp_path / "said").mkdir()
    learned.save(tmp_path / "said")
    for part, (texts, labels) in {
        opinions.TRAIN: rows(48, 0),
        opinions.VALIDATION: rows(12, 1),
        opinions.PHRASES: rows(60, 2),
    }.items():
        said_NC = opinions.load(tmp_path / f"said/{part}.npy")
        assert said_NC.shape == (len(texts), 3)
        np.testing.assert_allclose(said_NC.sum(axis=1), 1, rtol=1e-5)
        assert (said_NC.argmax(axis=1) == labels).mean() > 0.7  # chance is a third
    assert learned.document["tutor"] == "ours"
    assert [row["epoch"] for row in learned.document["history"]] == [*range(1, 21)]
    assert list(lesson.checkpoints.iterdir()) == []


def test_it_shows_how_far_it_is_when_it_says_what_it_makes_of_rows(lesson, engaged, tmp_path, monkeypatch):
    ticks = count()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    monkeypatch.setenv(progress.FILE_VARIABLE, str(tmp_path / "shown"))
    give(lesson, changed(engaged, epochs=1))
    assert (tmp_path / "shown").read_text().startswith("120 of 120 rows")


def test_phrases_come_first_where_there_are_any(lesson, engaged):
    assert [row["rows"] for row in give(lesson, with_phrases(engaged)).document["history"]] == [60] * 2 + [
        48
    ] * 6
    shutil.rmtree(lesson.data / "train/phrases")
    learned = give(lesson, with_phrases(engaged))
    assert [row["rows"] for row in learned.document["history"]] == [48] * 6
    assert learned.probabilities.keys() == {opinions.TRAIN, opinions.VALIDATION}


def test_what_was_stopped_goes_on_to_the_same_bits(lesson, engaged, monkeypatch):
    engaged = with_phrases(engaged)
    whole = give(lesson, engaged)
    for steps in (3, 30):
        with monkeypatch.context() as patched:
            patched.setattr(interruption, "noticed", partial(stopped_after, steps))
            with pytest.raises(Refusal, match="stopped by SIGINT"):
                give(lesson, engaged)
        assert list(lesson.checkpoints.iterdir())
        again = give(lesson, engaged)
        assert again.document == whole.document
        for part, said_NC in whole.probabilities.items():
            assert again.probabilities[part].tobytes() == said_NC.tobytes()


@contextmanager
def stopped_after(steps: int) -> Iterator[Callable[[], str | None]]:
    """Stand for interruption.noticed, with a signal that comes after so many questions."""
    asked = count()
    yield lambda: "SIGINT" if next(asked) >= steps else None


def test_another_rate_does_not_go_on_from_the_former_ones_checkpoint(lesson, engaged, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(interruption, "noticed", partial(stopped_after, 3))
        with pytest.raises(Refusal):
            give(lesson, engaged)
    other = changed(engaged, learning_rate=0.001)
    found = give(lesson, other)
    assert found.document == give(lesson, other).document


def test_a_corpus_without_the_test_split_is_all_it_needs(lesson, engaged):
    assert not (lesson.data / "test").exists()
    assert give(dataclasses.replace(lesson, corpus="again"), engaged).probabilities


def test_a_changed_encoder_is_refused(lesson, engaged, tmp_path):
    with open(tmp_path / "model.safetensors", "ab") as stream:
        stream.write(b"\n")
    with pytest.raises(Refusal, match=r"model\.safetensors has the sha256"):
        give(lesson, engaged)


def test_what_a_tutor_has_not_is_not_taken_over_from_a_corpus(engaged):
    corpus = {"phrases_first": {"epochs": 3}, "class_weights": "balanced", "consistency": 1.0}
    rules = engaged.tutor.rules(runs.RULES, corpus, has_phrases=True)
    assert (rules.phrases_first, rules.consistency, rules.class_weights) == (None, 0.0, "balanced")
    assert with_phrases(engaged).tutor.rules(runs.RULES, {}, has_phrases=True).phrases_first.epochs == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_it_learns_too_and_to_the_same_bits_again(lesson, engaged):
    there = dataclasses.replace(lesson, profile={"device": "cuda"})
    asked = changed(with_phrases(engaged), dropout=0.0, epochs=20, patience=20)
    first, again = give(there, asked), give(there, asked)
    assert (first.probabilities[opinions.TRAIN].argmax(axis=1) == rows(48, 0)[1]).mean() > 0.7
    assert first.document == again.document
    for part, said_NC in first.probabilities.items():
        assert again.probabilities[part].tobytes() == said_NC.tobytes()
