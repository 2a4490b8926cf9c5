"""Tokens -> ids: the splits as memory-mappable arrays, read a chunk of rows after the other."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unroll import arrays, files
from unroll.frames import as_list
from unroll.lexicon.vocabulary import UNKNOWN, Vocabulary

ID = np.dtype("<i4")
EMPTY = 0
BLOCK = 2**20


class Draft:
    """A split that has been read, once: its words are numbered as they came, and its tokens by them.

    So the vocabulary can be made of its counts, and its ids of the vocabulary, without reading again.
    The numbers lie in a file without a name, so that memory does not grow with them.
    """

    def __init__(self, chunks: Iterable[pa.Table]) -> None:
        """`chunks` hold the columns row, tokens, label and, where rows are phrases, sentence."""
        self.numbers: dict[str, int] = {}
        """From 1 on; EMPTY stands for the one token that a text without tokens reads as."""
        self.lengths = [np.zeros(1, dtype=np.int64)]
        self.columns: dict[str, list[np.ndarray]] = {}
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - it is gone with the draft
        for chunk in chunks:
            self._take(chunk)

    def counts(self) -> Counter[str]:
        """Return how often each word stands in the split."""
        totals = np.zeros(len(self.numbers) + 1, dtype=np.int64)
        for block in self._blocks():
            totals += np.bincount(block, minlength=len(totals))
        return Counter(dict(zip(self.numbers, totals[1:].tolist(), strict=True)))

    def save(self, folder: Path, vocabulary: Vocabulary) -> None:
        """Write the split as memory-mappable arrays, and its words without an id of their own.

        ids.npy (int32): all rows' ids end to end; offsets.npy (int64, rows + 1): row i is
        ids[offsets[i]:offsets[i+1]]; labels.npy, rows.npy and sentences.npy (int64): one entry a row.
        unseen.txt: word i of it, the first being 0, is coded as len(vocabulary) + i, for networks whose
        word vectors may know it; for all others such an id is the unknown word.
        """
        unseen = vocabulary.unseen(self.numbers)
        codes = vocabulary.ids | {word: code for code, word in enumerate(unseen, start=len(vocabulary))}
        ids = np.array([UNKNOWN, *(codes[word] for word in self.numbers)], dtype=ID)
        offsets = np.concatenate(self.lengths).cumsum()
        folder.mkdir(parents=True)
        for name, parts in self.columns.items():
            arrays.save(folder / f"{name}.npy", np.concatenate(parts))
        arrays.save(folder / "offsets.npy", offsets)
        tokens = (int(offsets[-1]),)
        arrays.save_blocks(folder / "ids.npy", ID, tokens, (ids[block] for block in self._blocks()))
        files.write_text(folder / "unseen.txt", "".join(f"{word}\n" for word in unseen))

    def _take(self, chunk: pa.Table) -> None:
        # Each distinct word of the chunk is looked up once.
        tokens = pc.list_flatten(chunk["tokens"]).combine_chunks().dictionary_encode()
        words = as_list(tokens.dictionary)
        numbers = np.array([self.numbers.setdefault(word, len(self.numbers) + 1) for word in words], ID)
        lengths = pc.list_value_length(chunk["tokens"]).to_numpy().astype(np.int64)
        empty = lengths.cumsum()[lengths == 0]
        self.file.write(np.insert(numbers[tokens.indices.to_numpy()], empty, EMPTY).data)
        self.lengths.append(np.maximum(lengths, 1))
        for name in chunk.column_names:
            if name != "tokens":
                self.columns.setdefault(f"{name}s", []).append(chunk[name].to_numpy())

    def _blocks(self) -> Iterator[np.ndarray]:
        self.file.seek(0)
        while data := self.file.read(BLOCK * ID.itemsize):
            yield np.frombuffer(data, ID)
