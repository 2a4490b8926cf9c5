"""Counts -> ids: a vocabulary of the training split."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated

from pydantic import Field

from unroll import files
from unroll.failures import damaged
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

    @property
    def is_empty(self) -> bool:
        """Tell whether every word reads as unknown."""
        return len(self) == len(SPECIAL)

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
        """Read what `save` wrote.

        Raises:
            Refusal: a line is not a token, a tab and a count.
        """
        pairs = (line.split("\t") for line in _read_lines(path))
        try:
            return cls({token: int(count) for token, count in pairs})
        except ValueError as error:
            raise damaged(path, error) from None


def read_unseen(folder: Path) -> list[str]:
    """Return the words of an encoded split that have no id of their own, in the order of their codes."""
    return _read_lines(folder / "unseen.txt")


def _read_lines(path: Path) -> list[str]:
    # Decoded from bytes: reading as text would turn a token's "\r" into an end of line.
    try:
        return path.read_bytes().decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise damaged(path, error) from None
