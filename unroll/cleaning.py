"""Raw rows -> clean rows: labels mapped, texts cut into tokens, training rows that repeat removed.

Validation and test are the benchmark's own: of them only rows whose class the corpus leaves out
are dropped. What else is wrong with them is counted, never repaired.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pa

from unroll.failures import Refusal
from unroll.phrases import key, labelled_phrases
from unroll.text import TextRules, make_tokenizer, train_tokenizer
from unroll.trees import is_tree

QUANTILES = {"min": 0.0, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Cleaned:
    splits: Frames
    """row, text, tokens, label"""
    phrases: pd.DataFrame | None
    """Of the training split where its rows are trees: row, sentence, text, tokens, label."""
    tokenizer: str | None
    """What bpe or wordpiece learned, as JSON."""
    profile: dict
    """What was dropped and why, and what is left."""


def clean(
    raw: Frames, rules: TextRules, labels: tuple[str, ...], relabel: tuple[int | None, ...] | None
) -> Cleaned:
    """Return the clean splits, and the training split's phrases where its rows are trees.

    Raises:
        Refusal: a label has no class, or a class has no training row.
    """
    texts = raw["train"]["text"]
    trees = len(texts) > 0 and all(map(is_tree, texts))
    learned = train_tokenizer(rules, texts, trees)
    tokenize = make_tokenizer(rules, trees, learned)
    classes = dict(enumerate(relabel if relabel is not None else range(len(labels))))
    splits: Frames = {}
    dropped: dict[str, dict[str, int]] = {}
    for split, frame in raw.items():
        mapped = _map_labels(frame, split, classes)
        frame = frame.assign(tokens=[tokenize(text) for text in frame["text"]], label=mapped)
        if split == "train":
            left_out = frame[mapped.isna()]
        dropped[split] = {"class left out": int(mapped.isna().sum())}
        if mapped.isna().all():
            raise Refusal(f"no row is left of the {split} split: relabel leaves all {len(frame)} out")
        kept = frame[mapped.notna()].astype({"label": "int64"})
        splits[split] = kept[["row", "text", "tokens", "label"]].reset_index(drop=True)
    held_out = {split: set(_keys(splits[split])) - {""} for split in ("validation", "test")}
    splits["train"], removed = _remove_repeats(splits["train"], held_out)
    dropped["train"] |= removed
    profile = {}
    for split, frame in splits.items():
        schema(len(labels)).validate(frame)
        if split == "train" and (absent := set(range(len(labels))) - set(frame["label"])):
            raise Refusal(f"no training row is left of class {labels[min(absent)]!r}")
        before = {"rows_before": len(raw[split]), "dropped": dropped[split]}
        profile[split] = before | _profile(frame, labels)
    if not trees:
        return Cleaned(splits, None, learned, profile)
    # A sentence without a class of its own still has phrases with one.
    everything = pd.concat([splits["train"], left_out], ignore_index=True)
    sentences = _remove_repeats(everything, held_out)[0].sort_values("row")
    phrases, before = labelled_phrases(sentences, tokenize, classes, set().union(*held_out.values()))
    phrase_schema(len(labels)).validate(phrases)
    profile["phrases"] = before | _profile(phrases, labels)
    return Cleaned(splits, phrases, learned, profile)


def schema(classes: int) -> pa.DataFrameSchema:
    """What every stage after this one may rely on."""
    return pa.DataFrameSchema(
        {
            "row": pa.Column("int64", pa.Check.ge(0), unique=True),
            "text": pa.Column(str),
            "tokens": pa.Column(object, pa.Check(lambda cells: cells.map(_are_tokens))),
            "label": pa.Column("int64", pa.Check.in_range(0, classes - 1)),
        },
        strict=True,
    )


def phrase_schema(classes: int) -> pa.DataFrameSchema:
    return schema(classes).add_columns({"sentence": pa.Column("int64", pa.Check.ge(0))})


def _are_tokens(cell: object) -> bool:
    return isinstance(cell, list) and all(
        isinstance(token, str) and token == token.strip() != "" and "\n" not in token and "\t" not in token
        for token in cell
    )


def _map_labels(frame: pd.DataFrame, split: str, classes: dict[int, int | None]) -> pd.Series:
    unknown = frame[~frame["label"].isin(list(classes))]
    if len(unknown):
        row, label = unknown.iloc[0][["row", "label"]]
        raise Refusal(f"{split}, row {row}: label {label} is none of 0..{len(classes) - 1}")
    return frame["label"].map(classes).astype("Int64")


def _remove_repeats(
    train: pd.DataFrame, held_out: dict[str, set[str]]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Drop what is empty, stands in another split too, or stood in train before."""
    keys = _keys(train)
    empty = keys == ""
    in_test = ~empty & keys.isin(held_out["test"])
    in_validation = ~empty & ~in_test & keys.isin(held_out["validation"])
    rest = ~(empty | in_test | in_validation)
    repeated = rest & keys[rest].duplicated().reindex(keys.index, fill_value=False)
    removed = {
        "empty": int(empty.sum()),
        "also in test": int(in_test.sum()),
        "also in validation": int(in_validation.sum()),
        "repeated": int(repeated.sum()),
    }
    return train[rest & ~repeated].reset_index(drop=True), removed


def _keys(frame: pd.DataFrame) -> pd.Series:
    return frame["tokens"].map(key)


def _profile(frame: pd.DataFrame, labels: tuple[str, ...]) -> dict:
    counts = Counter(frame["label"])
    lengths = frame["tokens"].map(len).to_numpy()
    return {
        "rows": len(frame),
        "empty": int((lengths == 0).sum()),
        "repeated": int(_keys(frame).duplicated().sum()),
        "labels": {name: counts[index] for index, name in enumerate(labels)},
        "tokens": int(lengths.sum()),
        "length": {
            name: float(np.quantile(lengths, share)) if len(lengths) else 0.0
            for name, share in QUANTILES.items()
        },
    }
