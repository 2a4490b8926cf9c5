"""Every labelled node of a training tree is a row, but for what repeats or stands in another split."""

import pandas as pd
import pytest

from unroll.failures import Refusal
from unroll.text.phrases import key, labelled_phrases
from unroll.text.tokenization import TextRules, make_tokenizer

FIVE = dict(enumerate(range(5)))
TWO = dict(enumerate([0, 0, None, 1, 1]))
NEAT = "(3 (2 A) (4 (3 neat) (2 lamp)))"
TWICE = "(1 (1 (2 old) (2 lamp)) (1 (2 and) (1 (2 old) (2 lamp))))"


def phrases(*trees: str, classes=FIVE, held_out: tuple[str, ...] = (), tokenizer: str = "tree"):
    sentences = pd.DataFrame({"row": range(10, 10 + len(trees)), "text": list(trees)})
    tokenize = make_tokenizer(TextRules(tokenizer=tokenizer), trees=True)
    return labelled_phrases(sentences, tokenize, classes, set(map(key, held_out)))


def test_every_node_is_a_phrase_of_its_sentence_the_whole_first_then_from_left_to_right():
    frame, counts = phrases(NEAT, "(1 (1 drab) (2 clock))")
    assert list(frame["text"]) == [
        "A neat lamp",
        "A",
        "neat lamp",
        "neat",
        "lamp",
        "drab clock",
        "drab",
        "clock",
    ]
    assert list(frame["label"]) == [3, 2, 4, 3, 2, 1, 1, 2]
    assert list(frame["sentence"]) == [10] * 5 + [11] * 3
    assert list(frame["row"]) == list(range(8))
    assert [" ".join(tokens) for tokens in frame["tokens"]] == [text.lower() for text in frame["text"]]
    assert counts["rows_before"] == 8 and sum(counts["dropped"].values()) == 0


def test_what_repeats_within_its_sentence_is_there_once_and_between_sentences_as_often_as_it_stands():
    frame, counts = phrases(TWICE, TWICE)
    assert list(frame["text"]) == 2 * [
        "old lamp and old lamp",
        "old lamp",
        "old",
        "lamp",
        "and old lamp",
        "and",
    ]
    assert counts["dropped"]["repeated"] == 6


def test_a_phrase_that_has_two_labels_in_its_sentence_stays_with_both():
    frame, _ = phrases("(3 (2 lamp) (3 (4 lamp) (2 lamp)))")
    assert [(text, label) for text, label in zip(frame["text"], frame["label"], strict=True)] == [
        *[("lamp lamp lamp", 3), ("lamp", 2)],
        *[("lamp lamp", 3), ("lamp", 4)],
    ]


def test_classes_are_mapped_and_phrases_of_one_left_out_are_dropped():
    frame, counts = phrases("(2 (2 the) (3 (4 neat) (1 lamp)))", classes=TWO)
    assert list(zip(frame["text"], frame["label"], strict=True)) == [
        ("neat lamp", 1),
        ("neat", 1),
        ("lamp", 0),
    ]
    assert counts["dropped"]["class left out"] == 2


def test_a_phrase_that_is_a_whole_held_out_sentence_is_removed_whatever_its_case():
    frame, counts = phrases("(3 (2 The) (4 (3 NEAT) (2 lamp)))", held_out=("neat lamp", "the"))
    assert list(frame["text"]) == ["The NEAT lamp", "NEAT", "lamp"]
    assert counts["dropped"]["in validation or test"] == 2


def test_a_phrase_is_cut_by_the_tokenizer_of_the_sentences():
    frame, counts = phrases("(3 (2 It's) (2 ;))", tokenizer="basic_english")
    assert list(frame["tokens"]) == [["it", "'", "s"]] * 2
    assert list(frame["text"]) == ["It's ;", "It's"]
    assert counts["dropped"]["empty"] == 1


@pytest.mark.parametrize(
    ("tree", "words"),
    [("(3 (2 a) (lamp))", "row 10: not a labelled tree"), ("(3 (7 a) (2 b))", "label 7 .* none of 0..4")],
)
def test_a_node_without_a_label_or_a_class_is_refused_with_its_row(tree, words):
    with pytest.raises(Refusal, match=words):
        phrases(tree)


def test_sentences_without_a_phrase_that_stays_give_an_empty_table():
    frame, _ = phrases("(2 lamp)", classes=TWO)
    assert frame.empty and list(frame.dtypes[["row", "sentence", "label"]]) == ["int64"] * 3


def test_equal_keys_are_equal_texts_whatever_their_case():
    keys = {key(text) for text in ("a lamp", "A Lamp", "a  lamp", "alamp", "", "STRASSE", "straße")}
    assert len(keys) == 5 and {len(one) for one in keys} == {16}
