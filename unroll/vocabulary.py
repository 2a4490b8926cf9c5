"""Counts -> ids: a vocabulary of the training split, and the splits as ids."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
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

    def encode(self, tokens: list[str]) -> list[int]:
        """Return the ids; a text without tokens reads as one unknown word, so that it has a score.

        A word of the text that is written like `<pad>` is no padding: it reads as unknown.
        """
        return [self.ids.get(token, UNKNOWN) or UNKNOWN for token in tokens] or [UNKNOWN]

    def save(self, path: Path) -> None:
        """Write one token a line with its count, tab-separated; the line number is the id."""
        files.write_text(path, "".join(f"{token}\t{count}\n" for token, count in self.counts.items()))

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        # Decoded from bytes: reading as text would turn a token's "\r" into an end of line.
        lines = path.read_bytes().decode("utf-8").split("\n")[:-1]
        return cls({token: int(count) for token, count in (line.split("\t") for line in lines)})


def save_encoded(folder: Path, vocabulary: Vocabulary, rows, tokens, labels) -> None:
    """Write one split as memory-mappable arrays.

    ids.npy (int32): all rows' ids end to end; offsets.npy (int64, rows + 1): row i is
    ids[offsets[i]:offsets[i+1]]; labels.npy and rows.npy (int64): one entry a row.
    """
    encoded = [vocabulary.encode(row) for row in tokens]
    arrays = {
        "ids": np.fromiter((index for row in encoded for index in row), dtype=np.int32),
        "offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        "labels": np.asarray(labels, dtype=np.int64),
        "rows": np.asarray(rows, dtype=np.int64),
    }
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
