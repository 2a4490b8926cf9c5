"""Counts -> ids: a vocabulary of the training split, and the splits as ids."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import numpy as np
from pydantic import Field

from unroll import files
from unroll.params import Strict

PAD, UNKNOWN = 0, 1
SPECIAL = ("<pad>", "<unk>")


class VocabularyRules(Strict):
    """Which tokens of the training split get an id of their own."""

    min_count: Annotated[int, Field(ge=1)] = 1
    max_size: Annotated[int, Field(ge=3)] = 25_000


class Vocabulary:
    """Tokens in the order of their ids: `<pad>` 0, `<unk>` 1, then by count, then alphabet."""

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts
        self.ids = {token: index for index, token in enumerate(counts)}

    @classmethod
    def build(cls, rows: Iterable[list[str]], rules: VocabularyRules) -> "Vocabulary":
        """Count the tokens of `rows` and keep those that the rules admit.

        The count of `<unk>` is the number of tokens in `rows` without an id of their own.
        """
        counter = Counter(token for tokens in rows for token in tokens)
        ranked = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
        admitted = [pair for pair in ranked if pair[1] >= rules.min_count and pair[0] not in SPECIAL]
        kept = dict(admitted[: rules.max_size - len(SPECIAL)])
        return cls({"<pad>": 0, "<unk>": counter.total() - sum(kept.values()), **kept})

    def __len__(self) -> int:
        return len(self.counts)

    def unseen(self, rows: Iterable[list[str]]) -> list[str]:
        """Return the distinct words of `rows` that have no id of their own, sorted.

        A word of the text that is written like `<pad>` is one of them: it is no padding.
        """
        return sorted({token for tokens in rows for token in tokens} - (self.ids.keys() - set(SPECIAL)))

    def encode(self, tokens: list[str], unseen: Mapping[str, int] = MappingProxyType({})) -> list[int]:
        """Return the ids; a word without one is coded as `unseen` says, and otherwise as unknown.

        A text without tokens reads as one unknown word, so that it has a score.
        """
        return [unseen.get(token) or self.ids.get(token, UNKNOWN) or UNKNOWN for token in tokens] or [UNKNOWN]

    def save(self, path: Path) -> None:
        """Write one token a line with its count, tab-separated; the line number is the id."""
        files.write_text(path, "".join(f"{token}\t{count}\n" for token, count in self.counts.items()))

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        pairs = (line.split("\t") for line in _read_lines(path))
        return cls({token: int(count) for token, count in pairs})


def save_encoded(folder: Path, vocabulary: Vocabulary, rows, tokens, labels, sentences=None) -> None:
    """Write one split as memory-mappable arrays, and its words without an id of their own.

    ids.npy (int32): all rows' ids end to end; offsets.npy (int64, rows + 1): row i is
    ids[offsets[i]:offsets[i+1]]; labels.npy, rows.npy and, where given, sentences.npy (int64): one
    entry a row. unseen.txt: word i of it, the first being 0, is coded as len(vocabulary) + i, for
    networks whose word vectors may know it; for all others such an id is the unknown word.
    """
    unseen = vocabulary.unseen(tokens)
    codes = {word: code for code, word in enumerate(unseen, start=len(vocabulary))}
    encoded = [vocabulary.encode(row, codes) for row in tokens]
    arrays = {
        "ids": np.fromiter((index for row in encoded for index in row), dtype=np.int32),
        "offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        "labels": np.asarray(labels, dtype=np.int64),
        "rows": np.asarray(rows, dtype=np.int64),
    }
    if sentences is not None:
        arrays["sentences"] = np.asarray(sentences, dtype=np.int64)
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    files.write_text(folder / "unseen.txt", "".join(f"{word}\n" for word in unseen))


def read_unseen(folder: Path) -> list[str]:
    """Return the words of an encoded split that have no id of their own, in the order of their codes."""
    return _read_lines(folder / "unseen.txt")


def _read_lines(path: Path) -> list[str]:
    # Decoded from bytes: reading as text would turn a token's "\r" into an end of line.
    return path.read_bytes().decode("utf-8").split("\n")[:-1]
