"""Tokens -> ids: the splits as memory-mappable arrays, written a chunk of rows after the other."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unroll import files
from unroll.lexicon.vocabulary import UNKNOWN, Vocabulary


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
