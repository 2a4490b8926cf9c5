"""Counts -> ids: a vocabulary of the training split, and the splits as ids."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
        """Count the tokens of `rows` and keep those that the rules admit."""
        return cls.of_counts(Counter(chain.from_iterable(rows)), rules)

    @classmethod
    def of_counts(cls, counter: Counter[str], rules: VocabularyRules) -> "Vocabulary":
        """Keep the tokens that the rules admit; the count of `<unk>` is that of all others together."""
        admitted = [pair for pair in counter.items() if pair[1] >= rules.min_count and pair[0] not in SPECIAL]
        ranked = sorted(admitted, key=lambda pair: (-pair[1], pair[0]))
        kept = dict(ranked[: rules.max_size - len(SPECIAL)])
        return cls({"<pad>": 0, "<unk>": counter.total() - sum(kept.values()), **kept})

    def __len__(self) -> int:
        return len(self.counts)

    def unseen(self, words: Iterable[str]) -> list[str]:
        """Return which of these words have no id of their own, sorted.

        A word of the text that is written like `<pad>` is one of them: it is no padding.
        """
        return sorted(set(words) - (self.ids.keys() - set(SPECIAL)))

    def encode(self, tokens: list[str]) -> list[int]:
        """Return the ids; a word without one is unknown.

        A text without tokens reads as one unknown word, so that it has a score.
        """
        return [self.ids.get(token, UNKNOWN) or UNKNOWN for token in tokens] or [UNKNOWN]

    def save(self, path: Path) -> None:
        """Write one token a line with its count, tab-separated; the line number is the id."""
        files.write_text(path, "".join(f"{token}\t{count}\n" for token, count in self.counts.items()))

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        pairs = (line.split("\t") for line in _read_lines(path))
        return cls({token: int(count) for token, count in pairs})


def count_tokens(chunks: Iterable[pa.Table]) -> Counter[str]:
    """Return how often each token stands in the column `tokens`."""
    counter = Counter()
    for chunk in chunks:
        values, counts = pc.value_counts(pc.list_flatten(chunk["tokens"])).flatten()
        counter.update(dict(zip(values.to_pylist(), counts.to_pylist(), strict=True)))
    return counter


def save_split(folder: Path, vocabulary: Vocabulary, chunks: Iterable[pa.Table]) -> None:
    """Write one split as memory-mappable arrays, and its words without an id of their own.

    `chunks` hold the columns row, tokens, label and, where rows are phrases, sentence; they are read
    twice, once for the words and once for their ids.

    ids.npy (int32): all rows' ids end to end; offsets.npy (int64, rows + 1): row i is
    ids[offsets[i]:offsets[i+1]]; labels.npy, rows.npy and sentences.npy (int64): one entry a row.
    unseen.txt: word i of it, the first being 0, is coded as len(vocabulary) + i, for networks whose
    word vectors may know it; for all others such an id is the unknown word.
    """
    words: set[str] = set()
    lengths = [np.zeros(1, dtype=np.int64)]
    columns: dict[str, list[np.ndarray]] = {}
    for chunk in chunks:
        words.update(pc.unique(pc.list_flatten(chunk["tokens"])).to_pylist())
        # A text without tokens reads as one unknown word.
        lengths.append(np.maximum(_lengths(chunk), 1))
        for name in chunk.column_names:
            if name != "tokens":
                columns.setdefault(f"{name}s", []).append(chunk[name].to_numpy())
    unseen = vocabulary.unseen(words)
    codes = vocabulary.ids | {word: code for code, word in enumerate(unseen, start=len(vocabulary))}
    offsets = np.concatenate(lengths).cumsum()
    folder.mkdir(parents=True)
    for name, parts in columns.items():
        np.save(folder / f"{name}.npy", np.concatenate(parts), allow_pickle=False)
    np.save(folder / "offsets.npy", offsets, allow_pickle=False)
    with open(folder / "ids.npy", "wb") as stream:
        header = {"descr": "<i4", "fortran_order": False, "shape": (int(offsets[-1]),)}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.writelines(_ids(chunk, codes) for chunk in chunks)
    files.write_text(folder / "unseen.txt", "".join(f"{word}\n" for word in unseen))


def _ids(chunk: pa.Table, codes: dict[str, int]) -> bytes:
    # Each distinct word of the chunk is looked up once.
    tokens = pc.list_flatten(chunk["tokens"]).combine_chunks().dictionary_encode()
    ids = np.array([codes[word] for word in tokens.dictionary.to_pylist()], dtype="<i4")
    lengths = _lengths(chunk)
    empty = np.flatnonzero(lengths == 0)
    return np.insert(ids[tokens.indices.to_numpy()], lengths.cumsum()[empty], UNKNOWN).tobytes()


def _lengths(chunk: pa.Table) -> np.ndarray:
    return pc.list_value_length(chunk["tokens"]).to_numpy().astype(np.int64)


def read_unseen(folder: Path) -> list[str]:
    """Return the words of an encoded split that have no id of their own, in the order of their codes."""
    return _read_lines(folder / "unseen.txt")


def _read_lines(path: Path) -> list[str]:
    # Decoded from bytes: reading as text would turn a token's "\r" into an end of line.
    return path.read_bytes().decode("utf-8").split("\n")[:-1]
