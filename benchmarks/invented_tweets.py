"""Tweets that nobody wrote, as many as wanted: words by Zipf's law, users, addresses, hashtags, emoticons."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from unroll import frames

SYLLABLES = [first + second for first in "bdfgklmnprst" for second in ("a", "e", "i", "o", "u", "ar", "en")]
MARKS = [".", "!", "?", ",", "...", "!!!!", " - ", " \u2019", " \u2764\ufe0f", " \U0001f602", "\u2026"]
EMOTICONS = [":)", ":D", ":-(", ";)", "<3", "xD", ":P", "8)"]
WORDS = 200_000
CLASSES = 3


def write_split(path: Path, rows: int, seed: int) -> None:
    """Write a split as stages.download does; the same rows and seed give the same bytes."""
    with frames.parquet_writer(path, frames.RAW) as append:
        for first, texts in _chunks(rows, seed):
            numbers = range(first, first + len(texts))
            labels = [number % CLASSES for number in numbers]
            append(pa.table({"row": list(numbers), "text": texts, "label": labels}, schema=frames.RAW))


def texts(rows: int, seed: int) -> list[str]:
    return [text for _, chunk in _chunks(rows, seed) for text in chunk]


def _chunks(rows: int, seed: int) -> Iterator[tuple[int, list[str]]]:
    generator = np.random.default_rng(seed)
    words = _words()
    cumulative = (1 / np.arange(10, 10 + WORDS)).cumsum()
    for first in range(0, rows, frames.CHUNK_ROWS):
        count = min(frames.CHUNK_ROWS, rows - first)
        lengths = generator.integers(4, 28, size=count)
        ranks = np.searchsorted(cumulative, generator.random(lengths.sum()) * cumulative[-1])
        kinds, numbers = generator.random(lengths.sum()), generator.integers(10**6, size=lengths.sum())
        tokens = map(_token, ranks.tolist(), kinds.tolist(), numbers.tolist(), [words] * len(ranks))
        yield first, [" ".join(next(tokens) for _ in range(length)) for length in lengths.tolist()]


def _token(rank: int, kind: float, number: int, words: list[str]) -> str:
    word = words[rank]
    if kind < 0.85:
        return word
    if kind < 0.90:
        return word + MARKS[number % len(MARKS)]
    if kind < 0.93:
        return f"@{word}{number % 1000}"
    if kind < 0.95:
        return f"#{word.title()}"
    if kind < 0.97:
        return EMOTICONS[number % len(EMOTICONS)]
    if kind < 0.98:
        return f"https://t.co/{number:x}{word}"
    if kind < 0.99:
        return f"{word}'s {number % 100}"
    return word.upper() + "o" * (number % 6) + " &amp;"


def _words() -> list[str]:
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 5, size=WORDS).tolist()
    drawn = iter(generator.integers(len(SYLLABLES), size=sum(lengths)).tolist())
    return ["".join(SYLLABLES[next(drawn)] for _ in range(length)) for length in lengths]
