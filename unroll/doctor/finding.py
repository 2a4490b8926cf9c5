"""One thing that is wrong, in words, with what mends it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    place: str
    wrong: str
    remedy: str
    """What --fix does; without `mend`, what the reader is to do."""
    mend: Callable[[], None] | None = None

    def in_words(self) -> str:
        return f"{self.place}: {self.wrong}; {self.remedy}"


Examination = Callable[[], Iterator[Finding]]


def and_more(names: list[str], shown: int = 3) -> str:
    """Return the first few names, and how many there are besides."""
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")
