"""A split carved by a hash: its size, and that nothing but its text decides where a row goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.corpora.carving import carve, split_by_hash
from unroll.corpora.sources import rows_frame
from unroll.failures import Refusal

SHARES = {"validation": 0.1, "test": 0.2}
TEXTS = [f"lamp {number} by the window" for number in range(4000)]


def frame(texts: list[str]):
    return rows_frame(texts, [len(text) % 3 for text in texts])


def test_a_split_receives_its_share():
    counts = {split: len(part) for split, part in carve({"train": frame(TEXTS)}, SHARES).items()}
    assert sum(counts.values()) == len(TEXTS)
    # 4 standard deviations: 4 * sqrt(4000 * 0.2 * 0.8) = 101
    assert abs(counts["validation"] - 400) < 101
    assert abs(counts["test"] - 800) < 101


def test_every_row_keeps_its_label_and_its_order_and_is_numbered_anew():
    carved = carve({"train": frame(TEXTS)}, SHARES)
    for part in carved.values():
        assert list(part["row"]) == list(range(len(part)))
        assert list(part["label"]) == [len(text) % 3 for text in part["text"]]
        assert sorted(part["text"], key=TEXTS.index) == list(part["text"])
    assert set().union(*(part["text"] for part in carved.values())) == set(TEXTS)


@given(st.lists(st.sampled_from(TEXTS[:200]), min_size=100))
def test_a_rows_split_does_not_depend_on_the_rows_around_it(texts):
    carved = carve({"train": frame(texts + TEXTS[200:400])}, SHARES)
    for split, part in carved.items():
        assert all(split_by_hash(text, SHARES) == split for text in part["text"])


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_white_space_around_a_text_and_the_order_of_the_shares_change_nothing(text):
    split = split_by_hash(text, SHARES)
    assert split == split_by_hash(f" {text}\n", SHARES) == split_by_hash(text, dict(reversed(SHARES.items())))


def test_a_larger_share_takes_rows_from_train_alone():
    for text in TEXTS[:500]:
        if split_by_hash(text, {"test": 0.2}) == "test":
            assert split_by_hash(text, {"test": 0.3}) == "test"


def test_a_split_with_a_file_of_its_own_stays_as_it_is():
    test = frame(TEXTS[:7])
    carved = carve({"train": frame(TEXTS), "test": test}, {"validation": 0.05})
    assert carved["test"] is test
    assert set(carved) == {"train", "validation", "test"}


def test_a_share_too_small_for_a_row_is_refused():
    with pytest.raises(Refusal, match="carve leaves none of 10 rows to validation"):
        carve({"train": frame(TEXTS[:10])}, {"validation": 0.000001})
