"""Raw rows -> clean rows: labels mapped, texts cut into tokens, training rows that repeat removed.

Validation and test are the benchmark's own: of them only rows whose class the corpus leaves out
are dropped. What else is wrong with them is counted, never repaired.

Rows come and go in chunks; what stays of each is a digest and a number. Of trees their text stays too.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, tee

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from unroll import frames
from unroll.corpora.trees import is_tree
from unroll.failures import Refusal
from unroll.params import SPLITS
from unroll.text.cutting import Cutter, phrase_schema
from unroll.text.phrases import key, labelled_phrases
from unroll.text.profile import Profile
from unroll.text.tokenization import TextRules, make_batch_tokenizer, make_tokenizer, train_tokenizer
from unroll.text.workers import spread_tables

Chunks = Iterable[pa.Table]
"""Of rows (row, text, label); read more than once."""
LEFT_OUT = "class left out"
HELD_OUT = ("validation", "test")
"""A row in both counts as one of the last."""
FURTHER = "further"
"""Texts of other corpora; they may be missing, and their labels say nothing."""
REPEATS = {
    "train": ("empty", "also in test", "also in validation", "repeated"),
    FURTHER: ("empty", "also in test", "also in validation", "also in train", "repeated"),
}
EMPTY = key("")


@dataclass(frozen=True)
class Cleaned:
    phrases: pd.DataFrame | None
    """Of the training split where its rows are trees: row, sentence, text, tokens, label."""
    tokenizer: str | None
    """What bpe or wordpiece learned, as JSON."""
    profile: dict
    """What was dropped and why, and what is left."""


def clean(
    raw: Mapping[str, Chunks],
    keep: Mapping[str, Callable[[pa.Table], None]],
    rules: TextRules,
    labels: tuple[str, ...],
    relabel: tuple[int | None, ...] | None,
    processes: int = 1,
    advance: Callable[[int], None] = lambda rows: None,
) -> Cleaned:
    """Hand the clean rows of each split to its `keep`, chunk by chunk: row, text, tokens, label, key.

    So many `processes` cut the texts; `advance` is told of every chunk how many rows it had.

    Raises:
        Refusal: a label has no class, or a class has no training row.
    """
    trees = _are_trees(raw["train"])
    learned = train_tokenizer(rules, _Texts(raw["train"]), trees)
    classes = dict(enumerate(relabel if relabel is not None else range(len(labels))))
    longest = None if trees else rules.max_characters
    cutter = Cutter(make_batch_tokenizer(rules, trees, learned), classes, len(labels), longest)
    cleaning = _Cleaning(trees, tuple(raw))
    with spread_tables(cutter, processes) as cut:
        # Train comes after those on which it depends what stays of it. One stream, so that no process waits
        # where a split ends.
        order = [part for part in (*HELD_OUT, "train", FURTHER) if part in raw]
        chunks, read_ahead = tee((split, chunk) for split in order for chunk in raw[split])
        for (split, _), rows in zip(chunks, cut(read_ahead), strict=True):
            keep[split](cleaning.take(split, rows))
            advance(len(rows))
    for split in SPLITS:
        cleaning.check(split, labels)
    profile = cleaning.document(labels)
    if not trees:
        return Cleaned(None, learned, profile)
    tokenize = make_tokenizer(rules, trees, learned)
    phrases, before = labelled_phrases(cleaning.sentences(), tokenize, classes, cleaning.held_out())
    phrase_schema(len(labels)).validate(phrases)
    tokens, found = phrases["tokens"], Profile()
    found.add(map(key, tokens.str.join(" ")), phrases["label"].to_numpy(), tokens.map(len).to_numpy())
    profile["phrases"] = before | found.document(labels)
    return Cleaned(phrases, learned, profile)


class _Cleaning:
    """What is remembered of the rows that have been taken: counts, keys and, of trees, sentences."""

    def __init__(self, trees: bool, splits: tuple[str, ...]) -> None:
        self.trees = trees
        self.profiles = {split: Profile() for split in splits}
        self.before = dict.fromkeys(splits, 0)
        self.last_row = dict.fromkeys(splits, -1)
        self.dropped = {split: Counter({LEFT_OUT: 0}) for split in splits}
        for split, whys in REPEATS.items():
            if split in splits:
                self.dropped[split].update(dict.fromkeys(whys, 0))
        self.kept_trees, self.left_out_trees = [], []

    def take(self, split: str, rows: pa.Table) -> pa.Table:
        """Return those rows of a chunk that stay."""
        numbers = rows["row"].to_numpy()
        if not len(rows):
            return rows
        if numbers[0] <= self.last_row[split]:
            raise ValueError(f"{split}: rows must ascend, but {numbers[0]} follows {self.last_row[split]}")
        self.last_row[split] = int(numbers[-1])
        self.before[split] += len(rows)
        left_out = rows.filter(pc.is_null(rows["label"]))
        self.dropped[split][LEFT_OUT] += len(left_out)
        kept = rows.filter(pc.is_valid(rows["label"])) if len(left_out) else rows
        keys = frames.as_list(kept["key"])
        if split in REPEATS:
            stays, why = self._without_repeats(split, keys)
            kept, keys = kept.filter(pa.array(stays, pa.bool_())), compress(keys, stays)
            self.dropped[split].update(why)
            if self.trees and split == "train":
                self.kept_trees.append(kept)
                self.left_out_trees.append(left_out)
        lengths = pc.list_value_length(kept["tokens"]).to_numpy()
        shortened = pc.sum(kept["shortened"], min_count=0).as_py()
        self.profiles[split].add(keys, kept["label"].to_numpy(), lengths, shortened)
        return kept

    def check(self, split: str, labels: tuple[str, ...]) -> None:
        """Raise a Refusal where the split, all of it taken, lacks what cannot be missing."""
        if not self.before[split]:
            raise Refusal(f"the {split} split has no rows: complete its source, or carve it out of train")
        if self.dropped[split][LEFT_OUT] == self.before[split]:
            raise Refusal(f"no row is left of the {split} split: relabel leaves all {self.before[split]} out")
        if split == "train" and (absent := set(range(len(labels))) - set(self.profiles[split].labels)):
            why = ", ".join(f"{rows} {why}" for why, rows in self.dropped[split].items() if rows) or "none"
            raise Refusal(
                f"no training row is left of class {labels[min(absent)]!r} (dropped of {self.before[split]}: "
                f"{why}): give it rows, or make do without it in labels and relabel"
            )

    def document(self, labels: tuple[str, ...]) -> dict:
        found = {
            split: {"rows_before": self.before[split], "dropped": dict(self.dropped[split])}
            | profile.document(labels)
            for split, profile in self.profiles.items()
        }
        if FURTHER in found:
            del found[FURTHER]["labels"]
        return found

    def held_out(self) -> set[bytes]:
        return self.profiles["validation"].keys | self.profiles["test"].keys

    def sentences(self) -> pd.DataFrame:
        """Return the trees of the training split; one without a class of its own has phrases with one."""
        left_out = pa.concat_tables(self.left_out_trees)
        stays, _ = self._without_repeats("train", frames.as_list(left_out["key"]))
        left_out = left_out.filter(pa.array(stays, pa.bool_()))
        return pa.concat_tables([*self.kept_trees, left_out]).sort_by("row").to_pandas()

    @cached_property
    def _not_for_training(self) -> dict[bytes, str]:
        """Why a training row is dropped even if it is the first of its kind; the other splits are taken."""
        held_out = [dict.fromkeys(self.profiles[split].keys, f"also in {split}") for split in HELD_OUT]
        return {**held_out[0], **held_out[1], EMPTY: "empty"}

    def _without_repeats(self, split: str, keys: list[bytes]) -> tuple[list[bool], Counter[str]]:
        """Tell which rows stay: not what is empty, stands in another split too, or stood in this before."""
        seen, refused = self.profiles[split].keys, self._not_for_training
        trained = self.profiles["train"].keys if split == FURTHER else ()
        stays, dropped = [], Counter()
        for digest in keys:
            if stay := digest not in seen and digest not in refused and digest not in trained:
                seen.add(digest)
            else:
                dropped[refused.get(digest, "also in train" if digest in trained else "repeated")] += 1
            stays.append(stay)
        return stays, dropped


class _Texts:
    """The texts of chunks; iterating again reads them again."""

    def __init__(self, chunks: Chunks) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[str]:
        for chunk in self.chunks:
            yield from frames.as_list(chunk["text"])


def _are_trees(chunks: Chunks) -> bool:
    texts = iter(_Texts(chunks))
    return is_tree(next(texts, "")) and all(map(is_tree, texts))
