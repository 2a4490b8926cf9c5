"""Raw rows -> clean rows: labels mapped, texts cut into tokens, training rows that repeat removed.

Validation and test are the benchmark's own: of them only rows whose class the corpus leaves out
are dropped. What else is wrong with them is counted, never repaired.
"""

from collections import Counter

import numpy as np
import pandas as pd
import pandera.pandas as pa

from unroll.failures import Refusal
from unroll.text import TextRules, make_tokenizer

QUANTILES = {"min": 0.0, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
Frames = dict[str, pd.DataFrame]


def clean(raw: Frames, rules: TextRules, labels: tuple[str, ...], relabel: tuple[int | None, ...] | None):
    """Return the clean splits (row, text, tokens, label) and the profile that says what was dropped.

    Raises:
        Refusal: a label has no class, or a class has no training row.
    """
    tokenize = make_tokenizer(rules)
    clean_frames: Frames = {}
    dropped: dict[str, dict[str, int]] = {}
    for split, frame in raw.items():
        mapped = _map_labels(frame, split, labels, relabel)
        kept = frame[mapped.notna()].assign(label=mapped[mapped.notna()].astype("int64"))
        dropped[split] = {"class left out": len(frame) - len(kept)}
        if not len(kept):
            raise Refusal(f"no row is left of the {split} split: relabel leaves all {len(frame)} out")
        kept["tokens"] = [tokenize(text) for text in kept["text"]]
        clean_frames[split] = kept[["row", "text", "tokens", "label"]].reset_index(drop=True)
    clean_frames["train"], removed = _remove_repeats(clean_frames)
    dropped["train"] |= removed
    for split, frame in clean_frames.items():
        schema(len(labels)).validate(frame)
        if split == "train" and (absent := set(range(len(labels))) - set(frame["label"])):
            raise Refusal(f"no training row is left of class {labels[min(absent)]!r}")
    return clean_frames, _profile(clean_frames, raw, dropped, labels)


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


def _are_tokens(cell: object) -> bool:
    return isinstance(cell, list) and all(
        isinstance(token, str) and token == token.strip() != "" and "\n" not in token and "\t" not in token
        for token in cell
    )


def _map_labels(
    frame: pd.DataFrame, split: str, labels: tuple[str, ...], relabel: tuple[int | None, ...] | None
) -> pd.Series:
    classes = relabel if relabel is not None else tuple(range(len(labels)))
    unknown = frame[~frame["label"].isin(range(len(classes)))]
    if len(unknown):
        row, label = unknown.iloc[0][["row", "label"]]
        raise Refusal(f"{split}, row {row}: label {label} is none of 0..{len(classes) - 1}")
    return frame["label"].map(dict(enumerate(classes))).astype("Int64")


def _remove_repeats(frames: Frames) -> tuple[pd.DataFrame, dict[str, int]]:
    """Drop from train what is empty, stands in another split too, or stood in train before."""
    train = frames["train"]
    keys = _keys(train)
    held_out = {split: set(_keys(frames[split])) - {""} for split in ("validation", "test")}
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
    """The normalised text by which rows are the same: tokens, without case."""
    return frame["tokens"].map(" ".join).str.casefold()


def _profile(frames: Frames, raw: Frames, dropped: dict, labels: tuple[str, ...]) -> dict:
    profile = {}
    for split, frame in frames.items():
        counts = Counter(frame["label"])
        lengths = frame["tokens"].map(len).to_numpy()
        profile[split] = {
            "rows_before": len(raw[split]),
            "dropped": dropped[split],
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
    return profile
