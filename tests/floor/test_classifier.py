"""The floor learns, repeats its bits, and is scikit-learn's own pipeline."""

import numpy as np
import pandas as pd
import pytest
import tiny
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from unroll import frames, metrics
from unroll.failures import Refusal
from unroll.floor.classifier import Classifier, Rows, read_rows
from unroll.floor.spec import Floor

RULES = Floor(words=(1, 2), characters=(2, 5), min_count=2, inverse_penalty=1.0)


def split(count: int, seed: int, classes: int = 3) -> Rows:
    table = tiny.rows(count, seed, classes)
    texts = [row["text"] for row in table]
    labels_N = np.array([row["label"] for row in table])
    return Rows(np.arange(count) * 7, [text.split() for text in texts], labels_N)


TRAIN, TEST = split(60, 0), split(24, 2)


def fitted(rules: Floor = RULES, class_weights: str = "none", train: Rows = TRAIN) -> Classifier:
    classifier = Classifier(rules, class_weights)
    classifier.fit(train)
    return classifier


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_it_learns_a_tiny_corpus(classes):
    classifier = fitted(train=split(60, 0, classes))
    test = split(24, 2, classes)
    p_NC = classifier.probabilities(test)
    assert p_NC.shape == (24, classes) and p_NC.sum(axis=1) == pytest.approx(1)
    assert metrics.all_metrics(p_NC, test.labels_N)["accuracy"] > 0.8


def test_it_repeats_its_bits():
    assert fitted().probabilities(TEST).tobytes() == fitted().probabilities(TEST).tobytes()


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_its_answers_are_those_of_scikit_learns_pipeline(class_weights):
    """Of texts that are cut at white space, where one class is in the majority."""
    kept = np.flatnonzero((TRAIN.labels_N == 0) | (np.arange(60) % 4 == 0))
    train = Rows(kept, [TRAIN.tokens[place] for place in kept], TRAIN.labels_N[kept])
    texts, test = ([" ".join(tokens) for tokens in rows.tokens] for rows in (train, TEST))
    words = TfidfVectorizer(
        token_pattern=r"\S+", lowercase=False, ngram_range=(1, 2), min_df=2, sublinear_tf=True
    )
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True)
    regression = LogisticRegression(C=0.5, class_weight={"none": None}.get(class_weights, class_weights))
    by_hand = make_pipeline(make_union(words, characters), regression).fit(texts, train.labels_N)
    classifier = fitted(RULES.model_copy(update={"inverse_penalty": 0.5}), class_weights, train)
    assert classifier.probabilities(TEST) == pytest.approx(by_hand.predict_proba(test), abs=1e-6)
    assert classifier.ngrams == {"words": len(words.vocabulary_), "characters": len(characters.vocabulary_)}
    assert classifier.parameters == 3 * (sum(classifier.ngrams.values()) + 1)


def test_class_weights_lift_the_rare_class():
    rare = np.flatnonzero((TRAIN.labels_N != 1) | (np.arange(60) % 12 == 1))
    train = Rows(rare, [TRAIN.tokens[place] for place in rare], TRAIN.labels_N[rare])
    plain, balanced = (fitted(class_weights=one, train=train) for one in ("none", "balanced"))
    assert balanced.probabilities(TEST)[:, 1].mean() > plain.probabilities(TEST)[:, 1].mean()


def test_tokens_are_taken_as_they_were_cut():
    rows = Rows(np.arange(4), [["New York"], ["New York"], ["york"], ["york"]], np.array([0, 0, 1, 1]))
    rules = Floor(words=(1, 1), characters=None, min_count=1, inverse_penalty=1.0)
    assert set(fitted(rules, train=rows).counters["words"].vocabulary_) == {"New York", "york"}


def test_of_a_row_its_tokens_alone_are_read(tmp_path):
    """The text of a tree holds its label."""
    tokens = [["a", "bright", "lamp"], ["drab"]]
    frame = pd.DataFrame(
        {"row": [3, 5], "text": ["(4 (2 a) ...", "(1 drab)"], "tokens": tokens, "label": [4, 1]}
    )
    frames.write_parquet(tmp_path / "train.parquet", frame, frames.CLEAN)
    found = read_rows(tmp_path / "train.parquet")
    assert found.tokens == tokens
    assert (found.numbers_N.tolist(), found.labels_N.tolist()) == ([3, 5], [4, 1])


def test_a_text_costs_what_is_counted_of_it():
    rules = Floor(words=(1, 1), characters=None, min_count=1, inverse_penalty=1.0)
    classifier = fitted(rules)
    known = set(classifier.counters["words"].vocabulary_)
    counted = [len(known & set(tokens)) for tokens in TEST.tokens]
    assert classifier.operations(TEST) == round(2 * 3 * np.mean(counted))


def test_a_kind_of_n_gram_that_no_text_shares_is_left_out_and_none_at_all_refused():
    labels_N = np.array([0, 1, 0, 1])
    rows = Rows(np.arange(4), [["ab1"], ["ab2"], ["ac3"], ["ac4"]], labels_N)
    assert list(fitted(train=rows).ngrams) == ["characters"]
    with pytest.raises(Refusal, match=r"floor\.min_count is 9, but no n-gram .* of the 4 training texts"):
        fitted(RULES.model_copy(update={"min_count": 9}), train=rows)
