"""A chunk of raw rows gets classes, tokens and keys; and no row that later stages could not read gets on."""

import pandas as pd
import pandera.errors
import pyarrow as pa
import pytest

from unroll import frames
from unroll.failures import Refusal
from unroll.text.cutting import Cutter, schema
from unroll.text.phrases import key
from unroll.text.tokenization import TextRules, make_batch_tokenizer

TOKENIZE = make_batch_tokenizer(TextRules(tokenizer="whitespace"))
CLASSES = {0: 1, 1: None, 2: 0}


def cut(*texts: str, labels: list[int] | None = None, tokenize=TOKENIZE) -> pa.Table:
    columns = {"row": list(range(len(texts))), "text": texts, "label": labels or [0] * len(texts)}
    return Cutter(tokenize, CLASSES, 2)(("train", pa.table(columns, schema=frames.RAW)))


def test_every_row_stays_with_its_tokens_its_class_and_its_key():
    rows = cut("A lamp", "one  LAMP", "", labels=[2, 1, 0])
    assert rows["text"].to_pylist() == ["A lamp", "one  LAMP", ""]
    assert rows["tokens"].to_pylist() == [["a", "lamp"], ["one", "lamp"], []]
    assert rows["label"].to_pylist() == [0, None, 1]
    assert rows["key"].to_pylist() == [key("a lamp"), key("one lamp"), key("")]


def test_a_label_without_a_class_is_refused_with_its_row():
    with pytest.raises(Refusal, match=r"^train, row 1: label 3 is none of 0\.\.2: "):
        cut("a", "b", labels=[0, 3])


def test_a_tokenizer_that_leaves_white_space_at_an_end_is_found_out():
    with pytest.raises(pandera.errors.SchemaError):
        cut("a lamp", tokenize=lambda texts: pa.array([["a "]], frames.TOKENS))


# --- the schema on which later stages rely -----------------------------------------------------------

GOOD = {"row": [0, 1], "text": ["a lamp", ""], "tokens": [["a", "lamp"], []], "label": [1, 0]}


def validate(**changes: object) -> None:
    frame = pd.DataFrame({**GOOD, **changes})
    schema(2).validate(frame)


def test_the_schema_accepts_what_a_cutter_returns():
    validate()
    schema(2).validate(frames.as_frame(cut("a  lamp", "").select(frames.CLEAN.names)))


@pytest.mark.parametrize(
    "changes",
    [
        {"row": [1, 1]},
        {"row": [0, -1]},
        {"row": [1, 0]},
        {"row": [0.0, 1.0]},
        {"text": ["a lamp", None]},
        {"label": [0, 2]},
        {"label": [0, -1]},
        {"label": [0.0, 1.0]},
        {"label": [0, None]},
        {"tokens": [["a"], ["b c\n"]]},
        {"tokens": [["a"], ["b\tc"]]},
        {"tokens": [["a"], ["b\nc"]]},
        {"tokens": [["a"], [" b"]]},
        {"tokens": [["a"], [""]]},
        {"tokens": [["a"], [3]]},
        {"tokens": [["a"], [None]]},
        {"tokens": [["a"], 3]},
        {"tokens": [["a"], None]},
        {"tokens": [["a"], ["b\u00a0"]]},
        {"extra": [0, 0]},
    ],
)
def test_the_schema_refuses_what_later_stages_could_not_read(changes):
    with pytest.raises((pandera.errors.SchemaError, pandera.errors.SchemaErrors)):
        validate(**changes)


@pytest.mark.parametrize("column", list(GOOD))
def test_the_schema_refuses_a_missing_column(column):
    with pytest.raises(pandera.errors.SchemaError):
        schema(2).validate(pd.DataFrame(GOOD).drop(columns=column))
