"""Pieces learned from the training split: the same in every process, and a way to read any text."""

import json
import subprocess
import sys

import pytest
import tiny
from hypothesis import example, given
from hypothesis import strategies as st

from unroll.text import subwords

KINDS = list(subwords.TRAINERS)
TEXTS = [row["text"] for row in tiny.rows(60, seed=0)]
TRAINED = {kind: subwords.train(kind, 80, TEXTS) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_training_repeats_bit_for_bit_in_other_processes(kind):
    program = (
        "import sys, tiny; from unroll.text import subwords; "
        "texts = [row['text'] for row in tiny.rows(60, 0)]; "
        f"sys.stdout.write(subwords.train({kind!r}, 80, texts))"
    )
    environment = {"PYTHONPATH": f"{tiny.ROOT}:{tiny.ROOT}/tests", "PYTHONHASHSEED": "random"}
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        assert done.stdout == TRAINED[kind], done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_as_many_pieces_as_asked_for_and_the_first_is_unknown(kind):
    pieces = json.loads(TRAINED[kind])["model"]["vocab"]
    assert len(pieces) == 80
    assert pieces["<unk>"] == 0
    assert sorted(pieces.values()) == list(range(80))


@pytest.mark.parametrize("kind", KINDS)
def test_more_room_makes_fewer_and_longer_pieces(kind):
    cut = {size: subwords.load(subwords.train(kind, size, TEXTS)) for size in (60, 400)}
    assert len(cut[400](TEXTS[0])) < len(cut[60](TEXTS[0]))
    # With room for all, a word is a piece.
    words = [piece.strip("▁") for piece in cut[400]("the old lamp")]
    assert words == ["the", "old", "lamp"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_pieces_of_a_seen_text_put_together_are_the_text(kind):
    for text in TEXTS:
        joined = "".join(subwords.load(TRAINED[kind])(text)).replace("##", "").replace("▁", "")
        assert joined == text.replace(" ", "")


@given(st.text(max_size=40))
@example("日本語 עברית ไทย 😀👩‍👩‍👧 ñ")
@example("<unk> ## ▁ ##a </w> [UNK]")
@example("\x00\u200b\ufeff\u202e")
@example("x" * 500)
def test_any_text_is_cut_into_known_pieces_or_unknown_ones(text):
    for kind in KINDS:
        pieces = json.loads(TRAINED[kind])["model"]["vocab"]
        found = subwords.load(TRAINED[kind])(text)
        assert set(found) <= set(pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_never_seen_is_unknown(kind):
    assert "<unk>" in subwords.load(TRAINED[kind])("日本")
    assert "<unk>" not in subwords.load(TRAINED[kind])("lamp")
