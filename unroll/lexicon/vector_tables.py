"""Word vectors of a file or package -> those of the words that a corpus has.

No format here can carry code: text, raw numbers, .npy without objects, parquet. gensim reads
word2vec's and fastText's binary files, and only by the functions for these two; its own format is
a pickle, and nothing here leads to it.

Axes: X words, E vector.
"""

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from unroll.failures import Refusal
from unroll.lexicon.vectors import FileSource, LexiconSource, PackageSource, verified

FASTTEXT_MAGIC = 793712314
# Magic, version, 12 settings, a threshold; words and labels, tokens, what was pruned.
FASTTEXT_HEADER = struct.Struct("<14id3i2q")


@dataclass(frozen=True)
class Table:
    """What one source knows of the spellings that it was asked for."""

    size: int
    exact: dict[str, np.ndarray]
    from_subwords: dict[str, np.ndarray] = field(default_factory=dict)
    """Made from character n-grams, for spellings that are not in `exact`."""

    def find(self, word: str) -> tuple[str, np.ndarray] | None:
        """Return the vector and how it was found: the word as it is goes before its lower case."""
        for how, known, spelling in (
            ("as_written", self.exact, word),
            ("in_lower_case", self.exact, word.lower()),
            ("from_subwords", self.from_subwords, word),
        ):
            if spelling in known:
                return how, known[spelling]
        return None


def read(name: str, source: FileSource | PackageSource | LexiconSource, words: set[str]) -> Table:
    """Look the words up, as they are and in lower case.

    Raises:
        Refusal: the source is missing, damaged or not what its sha256 or format says.
    """
    spellings = words | {word.lower() for word in words}
    try:
        if isinstance(source, PackageSource):
            return _read_package(source, spellings)
        if isinstance(source, LexiconSource):
            return _read_lexicon(source, spellings)
        verified(Path(source.path), source.sha256)
        return READERS[source.format](Path(source.path), spellings)
    except Refusal as refusal:
        raise Refusal(f"params.yaml: vectors.{name}: {refusal}") from None


def matrix(words: list[str | None], tables: dict[str, Table]) -> tuple[np.ndarray, dict[str, dict[str, int]]]:
    """Return vectors_XE (float32), the tables side by side, and how many words each table knows how.

    Where a table lacks a word, its part of that row is NaN. None stands for what is no word, such as
    padding: it is nowhere looked up and not counted.

    Raises:
        Refusal: a vector that was found holds NaN or an infinity.
    """
    parts, found = [], {}
    for name, table in tables.items():
        part_XE = np.full((len(words), table.size), np.nan, dtype=np.float32)
        counts = {"words": 0, "as_written": 0, "in_lower_case": 0, "from_subwords": 0}
        for row, word in zip(part_XE, words, strict=True):
            if word is None:
                continue
            counts["words"] += 1
            if entry := table.find(word):
                how, row[:] = entry
                counts[how] += 1
                if not np.isfinite(row).all():
                    raise Refusal(f"params.yaml: vectors.{name}: {word!r} has a number that is not finite")
        parts.append(part_XE)
        found[name] = counts
    return np.concatenate(parts, axis=1), found


def _read_package(source: PackageSource, spellings: set[str]) -> Table:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = source.verified(source.vectors)
    words = pq.read_table(source.verified(source.words)).column(0)
    vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    if len(words) != len(vectors):
        raise Refusal(f"{source.package}: {len(words)} words, but {len(vectors)} vectors")
    wanted = sorted(spellings)
    places = pc.index_in(pa.array(wanted, words.type), value_set=words).to_pylist()
    exact = {word: vectors[place] for word, place in zip(wanted, places, strict=True) if place is not None}
    return Table(vectors.shape[1], exact)


def _read_lexicon(source: LexiconSource, spellings: set[str]) -> Table:
    path, exact = source.verified(source.scores), {}
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            word, *numbers = line.rstrip("\n").split("\t")
            try:
                scores_E = np.array([numbers[column - 1] for column in source.columns]).astype(np.float32)
            except (IndexError, ValueError):
                wanted = ", ".join(map(str, source.columns))
                raise Refusal(f"{path}, line {number}: no numbers in its columns {wanted}") from None
            if word in spellings:
                exact.setdefault(word, scores_E / np.float32(source.largest))
    return Table(len(source.columns), exact)


def _read_text(path: Path, spellings: set[str], header: bool) -> Table:
    """Read one word and its numbers a line; where a word stands twice, the first counts.

    By bytes and line by line, and not with gensim: only the numbers of wanted words are parsed, a
    fault has its line, and a word may hold spaces, as some of GloVe 840B do.
    """
    wanted = {spelling.encode("utf-8"): spelling for spelling in spellings}
    exact: dict[str, np.ndarray] = {}
    words, size, expected = 0, 0, None
    with open(path, "rb") as stream:
        if header:
            expected, size = _first_line(path, stream.readline())
        for words, line in enumerate(stream, start=1):
            line = line.rstrip(b" \r\n")
            size = size or line.count(b" ")
            try:
                word, numbers = _cut(line, size)
                if word in wanted:
                    exact.setdefault(wanted[word], np.array(numbers.split(b" ")).astype(np.float32))
            except ValueError as error:
                raise Refusal(f"{path}, line {words + header}: {error}") from None
    if words != (expected or words) or not words:
        raise Refusal(f"{path} holds {words} words of {expected or 'at least 1'}: it is damaged")
    return Table(size, exact)


def _cut(line: bytes, size: int) -> tuple[bytes, bytes]:
    """Return the word and its numbers.

    Raises:
        ValueError: there are more or fewer numbers than `size`.
    """
    if size and line.count(b" ") == size:
        word, _, numbers = line.partition(b" ")
        return word, numbers
    word, *values = line.rsplit(b" ", size) if size else [line]
    if not size or len(values) != size or _is_number(word.rpartition(b" ")[2]):
        raise ValueError(f"expected a word and {size or 'its'} numbers, with one space between each")
    return word, line[len(word) + 1 :]


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_line(path: Path, line: bytes) -> tuple[int, int]:
    """Return the number of words and the size of a vector."""
    try:
        count, size = map(int, line.split())
        if min(count, size) > 0:
            return count, size
    except ValueError:
        pass
    raise Refusal(f"{path}, line 1: expected the number of words and the size; format: glove has none")


def _read_word2vec_binary(path: Path, spellings: set[str]) -> Table:
    from gensim.models import KeyedVectors

    with open(path, "rb") as stream:
        count, size = _first_line(path, stream.readline())
        start = stream.read(4096)
    if path.stat().st_size < count * (size * 4 + 2):
        raise Refusal(f"{path} is too short for {count} vectors of {size} numbers: it is damaged")
    # gensim would take digits for the bytes of numbers. Floating-point numbers have control characters.
    if not re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", start):
        raise Refusal(f"{path} is text: make its format word2vec")
    with _faults_of(path):
        known = KeyedVectors.load_word2vec_format(str(path.absolute()), binary=True, unicode_errors="replace")
    return Table(size, _looked_up(known, spellings))


def _read_fasttext_binary(path: Path, spellings: set[str]) -> Table:
    from gensim.models.fasttext import load_facebook_vectors

    _check_fasttext(path)
    with _faults_of(path):
        known = load_facebook_vectors(str(path.absolute()))
    exact = _looked_up(known, spellings)
    made = {word: known[word] for word in sorted(spellings - exact.keys()) if word in known}
    # A word too short for any n-gram has the origin for its vector, which says nothing of it.
    return Table(known.vector_size, exact, {word: vector for word, vector in made.items() if vector.any()})


def _check_fasttext(path: Path) -> None:
    """Refuse what gensim would read without end: a file that stops within its list of words."""
    with open(path, "rb") as stream:
        start = stream.read(FASTTEXT_HEADER.size)
    if len(start) < FASTTEXT_HEADER.size or FASTTEXT_HEADER.unpack(start)[0] != FASTTEXT_MAGIC:
        raise Refusal(f"{path} is no model of fastText 0.1 or newer; for a .vec file, format: fasttext")
    values = FASTTEXT_HEADER.unpack(start)
    size, bucket, words = values[2], values[10], values[15]
    if min(size, words) < 1 or bucket < 0 or path.stat().st_size < 4 * size * (words + bucket) + 11 * words:
        raise Refusal(f"{path} is too short for {words} words of {size} numbers: it is damaged")


def _looked_up(known, spellings: set[str]) -> dict[str, np.ndarray]:
    """Copy, so that the whole table can be let go."""
    places = known.key_to_index
    return {word: known.vectors[places[word]].copy() for word in spellings if word in places}


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    try:
        yield
    except (AssertionError, EOFError, NotImplementedError, ValueError, struct.error) as error:
        raise Refusal(f"{path} cannot be read: {error or 'it is damaged'}") from None


READERS: dict[str, Callable[[Path, set[str]], Table]] = {
    "glove": partial(_read_text, header=False),
    "word2vec": partial(_read_text, header=True),
    "word2vec_binary": _read_word2vec_binary,
    "fasttext": partial(_read_text, header=True),
    "fasttext_binary": _read_fasttext_binary,
}
