"""Raw rows -> clean rows: what is dropped from the training split, and that nothing else is touched."""

import json

import hypothesis.strategies as st
import pandas as pd
import pytest
import tiny
from hypothesis import given
from in_memory import clean
from raw_rows import Rows, large, raw

from unroll.failures import Refusal
from unroll.text.tokenization import TextRules

RULES = TextRules(tokenizer="whitespace", lowercase=True)
LABELS = ("bad", "good")


def cleaned(
    train: Rows, validation: Rows | None = None, test: Rows | None = None, labels=LABELS, relabel=None
):
    splits = {
        "train": raw(train),
        "validation": raw(validation or [("v", 0)]),
        "test": raw(test or [("t", 1)]),
    }
    found = clean(splits, RULES, labels, relabel)
    return found.splits, found.profile


BOTH = [("both", 0), ("classes", 1)]


def texts(frame: pd.DataFrame) -> list[str]:
    return list(frame["text"])


def test_a_training_row_that_stands_in_the_test_split_is_removed_and_counted():
    splits, profile = cleaned([*BOTH, ("a lamp", 0), ("lit", 1)], test=[("a lamp", 1), ("other", 0)])
    assert texts(splits["train"]) == ["both", "classes", "lit"]
    assert texts(splits["test"]) == ["a lamp", "other"]
    assert profile["train"]["dropped"]["also in test"] == 1
    assert profile["train"]["dropped"]["also in validation"] == 0


def test_a_training_row_that_stands_in_the_validation_split_is_removed_and_counted():
    splits, profile = cleaned([*BOTH, ("a lamp", 0)], validation=[("a lamp", 0)])
    assert texts(splits["train"]) == ["both", "classes"]
    assert texts(splits["validation"]) == ["a lamp"]
    assert profile["train"]["dropped"]["also in validation"] == 1


def test_a_row_in_both_held_out_splits_is_counted_once():
    _, profile = cleaned([*BOTH, ("a lamp", 0)], validation=[("a lamp", 0)], test=[("a lamp", 0)])
    dropped = profile["train"]["dropped"]
    assert (dropped["also in test"], dropped["also in validation"]) == (1, 0)


def test_texts_of_other_corpora_stay_unless_they_are_known_already():
    splits = {
        "train": raw([*BOTH, ("a lamp", 0)]),
        "validation": raw([("v", 0)]),
        "test": raw([("t", 1)]),
        "further": raw([("v", 0), ("new", 0), ("A  lamp", 0), ("t", 0), ("", 0), ("New", 0), ("other", 0)]),
    }
    found = clean(splits, RULES, LABELS, None)
    assert texts(found.splits["further"]) == ["new", "other"]
    assert found.profile["further"]["dropped"] == {
        "class left out": 0,
        "empty": 1,
        "also in test": 1,
        "also in validation": 1,
        "also in train": 1,
        "repeated": 1,
    }
    assert found.profile["further"]["rows"] == 2 and "labels" not in found.profile["further"]
    alone = clean({split: splits[split] for split in ("train", "validation", "test")}, RULES, LABELS, None)
    for split in alone.splits:
        pd.testing.assert_frame_equal(found.splits[split], alone.splits[split])
        assert found.profile[split] == alone.profile[split]


def test_rows_are_the_same_whatever_their_case_and_white_space():
    splits, profile = cleaned([*BOTH, ("A  Lamp ", 0), ("STRASSE", 1)], test=[("a lamp", 1), ("straße", 1)])
    assert texts(splits["train"]) == ["both", "classes"]
    assert profile["train"]["dropped"]["also in test"] == 2


def test_of_rows_that_repeat_the_first_stays():
    splits, profile = cleaned([*BOTH, ("a lamp", 0), ("A lamp", 1), ("a lamp", 0)])
    assert texts(splits["train"]) == ["both", "classes", "a lamp"]
    assert list(splits["train"]["row"]) == [0, 10, 20]
    assert list(splits["train"]["label"]) == [0, 1, 0]
    assert profile["train"]["dropped"]["repeated"] == 2
    assert profile["train"]["repeated"] == 0


def test_empty_training_rows_are_removed_and_do_not_count_as_overlap():
    splits, profile = cleaned([*BOTH, ("", 0), ("  ", 1)], validation=[("", 0)], test=[(" ", 0), ("t", 1)])
    assert texts(splits["train"]) == ["both", "classes"]
    assert profile["train"]["dropped"] == {
        "class left out": 0,
        "empty": 2,
        "also in test": 0,
        "also in validation": 0,
        "repeated": 0,
    }
    assert profile["validation"]["empty"] == profile["test"]["empty"] == 1


def test_validation_and_test_keep_their_empty_and_repeated_rows():
    held_out = [("", 0), ("a lamp", 1), ("a lamp", 1), ("A lamp", 0), ("", 1)]
    splits, profile = cleaned(BOTH, validation=held_out, test=held_out)
    for split in ("validation", "test"):
        assert texts(splits[split]) == [text for text, _ in held_out]
        assert list(splits[split]["row"]) == [0, 10, 20, 30, 40]
        assert profile[split]["rows"] == profile[split]["rows_before"] == 5
        assert profile[split]["repeated"] == 3
        assert profile[split]["dropped"] == {"class left out": 0}


def test_relabel_maps_classes_and_leaves_out_those_without_one():
    train = [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)]
    splits, profile = cleaned(
        train, validation=[("f", 2), ("g", 1)], test=[("h", 4), ("i", 2)], relabel=(0, 0, None, 1, 1)
    )
    assert list(zip(texts(splits["train"]), splits["train"]["label"], strict=True)) == [
        *[("a", 0), ("b", 0)],
        *[("d", 1), ("e", 1)],
    ]
    assert (texts(splits["validation"]), texts(splits["test"])) == (["g"], ["h"])
    assert list(splits["test"]["row"]) == [0]
    assert [profile[split]["dropped"]["class left out"] for split in tiny.SPLITS] == [1, 1, 1]
    assert profile["train"]["labels"] == {"bad": 2, "good": 2}


def test_labels_stay_as_they_are_without_relabel():
    splits, _ = cleaned([("a", 1), ("b", 0)])
    assert list(splits["train"]["label"]) == [1, 0]
    assert splits["train"]["label"].dtype == "int64"


@pytest.mark.parametrize("split", tiny.SPLITS)
@pytest.mark.parametrize("label", [-1, 2, 255])
def test_a_label_without_a_class_is_named_with_its_split_and_row(split, label):
    rows = {"train": BOTH, "validation": [("v", 0)], "test": [("t", 0)]}
    rows[split] = [*rows[split], ("odd", label)]
    place = 10 * (len(rows[split]) - 1)
    with pytest.raises(Refusal, match=rf"^{split}, row {place}: label {label} is none of 0\.\.1: "):
        cleaned(*rows.values())


def test_a_label_beyond_the_end_of_relabel_is_refused():
    with pytest.raises(Refusal, match=r"train, row 20: label 3 is none of 0\.\.2"):
        cleaned([("a", 0), ("b", 1), ("c", 3)], relabel=(0, 1, None))


def test_a_class_without_training_rows_is_refused_by_name():
    with pytest.raises(Refusal, match="no training row is left of class 'good'"):
        cleaned([("a", 0), ("b", 0)])
    # Also when the rows that it had are all in the test split.
    with pytest.raises(Refusal, match="class 'good'"):
        cleaned([("a", 0), ("b", 1)], test=[("b", 1)])


@pytest.mark.parametrize("split", tiny.SPLITS)
def test_a_split_of_which_nothing_is_left_is_refused_by_name(split):
    rows = {"train": BOTH, "validation": [("v", 0)], "test": [("t", 0)]} | {split: [("x", 2), ("y", 2)]}
    with pytest.raises(Refusal, match=f"no row is left of the {split} split"):
        cleaned(*rows.values(), relabel=(0, 1, None))


ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "A", "a b", "a  b", "", " ", "c", "ß", "SS"]), st.integers(0, 2)),
    min_size=1,
    max_size=12,
)


@given(ROWS, ROWS, ROWS)
def test_what_is_dropped_and_what_stays_sum_up(train, validation, test):
    # Rows of their own, so that no class and no split becomes empty.
    rows = {"train": BOTH + train, "validation": [("v", 0), *validation], "test": [("t", 1), *test]}
    splits, profile = cleaned(*rows.values(), relabel=(0, 1, None))
    for split in tiny.SPLITS:
        found = profile[split]
        assert found["rows_before"] == len(rows[split])
        assert found["rows_before"] - sum(found["dropped"].values()) == found["rows"] == len(splits[split])
        assert sum(found["labels"].values()) == found["rows"]
        assert found["tokens"] == sum(len(tokens) for tokens in splits[split]["tokens"])


@given(ROWS, ROWS, ROWS)
def test_no_training_row_is_empty_repeated_or_held_out(train, validation, test):
    try:
        splits, _ = cleaned(train, validation, test, labels=("a", "b", "c"))
    except Refusal:
        return  # a class without training rows
    keys = [" ".join(tokens).casefold() for tokens in splits["train"]["tokens"]]
    held_out = {
        " ".join(tokens).casefold() for split in ("validation", "test") for tokens in splits[split]["tokens"]
    }
    assert "" not in keys
    assert len(set(keys)) == len(keys)
    assert not set(keys) & held_out


def test_the_profile_says_how_long_the_rows_are():
    train = [("a", 0), ("a b", 1), ("a b c", 0), ("a b c d", 1), ("a b c d e f", 0)]
    _, profile = cleaned(train)
    length = profile["train"]["length"]
    assert (length["min"], length["median"], length["max"]) == (1.0, 3.0, 6.0)
    assert profile["train"]["tokens"] == 16


# --- trees and pieces -------------------------------------------------------------------------------

FIVE = ("very bad", "bad", "so so", "good", "very good")
BINARY = (0, 0, None, 1, 1)
SENTENCES = [("(4 (2 the) (4 (4 superb) (2 lamp)))", 4), ("(0 (1 vile) (2 lamp))", 0)]
NEUTRAL = ("(2 (2 a) (2 (3 neat) (2 (1 drab) (2 lamp))))", 2)


def cleaned_trees(train: Rows, test: Rows, labels=LABELS, relabel=BINARY, tokenizer="tree"):
    held_out = [("(3 (3 fine) (2 lamp))", 3)]
    splits = {"train": raw(train), "validation": raw(held_out), "test": raw(test)}
    return clean(splits, TextRules(tokenizer=tokenizer), labels, relabel)


def test_a_sentence_left_out_for_its_class_still_gives_its_phrases():
    found = cleaned_trees([SENTENCES[0], NEUTRAL, SENTENCES[1]], test=[("(1 (1 dull) (2 lamp))", 1)])
    assert list(found.splits["train"]["row"]) == [0, 20]
    assert list(found.phrases["sentence"]) == [0, 0, 0, 10, 10, 20, 20]
    assert texts(found.phrases)[3:5] == ["neat", "drab"]
    assert list(found.phrases["label"]) == [1, 1, 1, 1, 0, 0, 0]
    counts = found.profile["phrases"]
    assert counts["rows_before"] - sum(counts["dropped"].values()) == counts["rows"] == 7


def test_no_phrase_comes_from_a_sentence_that_was_removed_nor_from_validation_and_test():
    held_out = ("(1 (1 dull) (2 lamp))", 1)
    repeat = (SENTENCES[1][0].upper(), 0)
    found = cleaned_trees(
        [*SENTENCES, held_out, repeat, NEUTRAL, NEUTRAL], test=[held_out, ("(3 (2 neat) (2 !))", 3)]
    )
    assert sorted(set(found.phrases["sentence"])) == [0, 10, 40]
    assert not {"dull", "fine", "!"} & {token for tokens in found.phrases["tokens"] for token in tokens}


def test_a_phrase_that_is_a_whole_test_sentence_is_removed_and_counted():
    found = cleaned_trees(SENTENCES, test=[("(3 (4 Superb) (2 lamp))", 3)])
    assert texts(found.phrases) == ["the superb lamp", "superb", "vile lamp", "vile"]
    assert found.profile["phrases"]["dropped"]["in validation or test"] == 1


def test_without_relabel_every_node_keeps_its_label():
    rows = [(f"({label} ({label} word{label}) (2 lamp))", label) for label in range(5)]
    found = cleaned_trees(rows, [("(2 (2 t) (2 u))", 2)], labels=FIVE, relabel=None)
    assert list(found.phrases["label"][:6]) == [0, 0, 2, 1, 1, 2]
    assert found.profile["phrases"]["labels"]["so so"] == 7


def test_trees_are_read_as_sentences_by_every_other_tokenizer():
    test = [("(1 (1 dull) (2 lamp))", 1)]
    found = cleaned_trees(SENTENCES, test, tokenizer="spacy")
    assert list(found.splits["train"]["tokens"]) == [["the", "superb", "lamp"], ["vile", "lamp"]]
    assert list(found.phrases["tokens"]) == list(cleaned_trees(SENTENCES, test).phrases["tokens"])


def test_sentences_that_stand_in_for_trees_have_no_phrases():
    found = cleaned_trees([("a superb lamp", 4), ("a vile lamp", 0)], test=[("(1 (1 dull) (2 lamp))", 1)])
    assert found.phrases is None and "phrases" not in found.profile
    # Only where every row is a tree is the corpus one of trees.
    assert cleaned_trees([*SENTENCES, ("(3) lamps lit", 1)], test=[("t", 1)]).phrases is None


@pytest.mark.parametrize("tokenizer", ["bpe", "wordpiece"])
def test_pieces_are_learned_from_the_training_split_alone(tokenizer):
    splits = {"train": raw(BOTH), "validation": raw([("quiz", 0)]), "test": raw([("fjord", 1)])}
    found = clean(splits, TextRules(tokenizer=tokenizer, subwords=40), LABELS, None)
    vocabulary = json.loads(found.tokenizer)["model"]["vocab"]
    assert not {"q", "z", "f", "j"} & set("".join(set(vocabulary) - {"<unk>"}))
    assert set(found.splits["test"]["tokens"][0]) <= set(vocabulary)


# --- at scale ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("chunk_rows", [1, 7, 50, 10_000])
def test_neither_chunks_nor_processes_change_what_is_kept_and_counted(chunk_rows, processes):
    rules = TextRules(tokenizer="tweet_re2", normalise=("lengthening",))
    whole = clean(large(), rules, ("a", "b"), (0, 1, None))
    parts = clean(large(), rules, ("a", "b"), (0, 1, None), chunk_rows, processes)
    assert parts.profile == whole.profile
    assert whole.profile["train"]["dropped"]["repeated"] and whole.profile["train"]["dropped"]["also in test"]
    for split, frame in whole.splits.items():
        assert parts.splits[split].equals(frame)


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
def test_neither_do_chunks_change_the_phrases_of_trees(chunk_rows):
    held_out = ("(1 (1 dull) (2 lamp))", 1)
    rows = [*SENTENCES, held_out, NEUTRAL, SENTENCES[1], NEUTRAL]
    splits = {"train": raw(rows), "validation": raw([held_out]), "test": raw([held_out])}
    rules = TextRules(tokenizer="tree")
    whole, parts = (clean(splits, rules, LABELS, BINARY, size) for size in (1000, chunk_rows))
    assert parts.phrases.equals(whole.phrases) and len(whole.phrases)
    assert parts.profile == whole.profile


def test_rows_whose_numbers_do_not_ascend_from_chunk_to_chunk_are_a_fault():
    twice = raw([("a", 0), ("b", 1)])
    splits = {"train": pd.concat([twice, twice]), "validation": raw([("v", 0)]), "test": raw([("t", 1)])}
    with pytest.raises(ValueError, match="train: rows must ascend, but 0 follows 10"):
        clean(splits, RULES, LABELS, None, chunk_rows=2)
