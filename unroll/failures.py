"""What a user can mend is told in one message, without a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Refusal(Exception):
    """A user's mistake or a missing thing: names the file, row or key and says what to do."""


@contextmanager
def told_plainly() -> Iterator[None]:
    """End the process with status 1 and the message alone when the block raises a Refusal."""
    try:
        yield
    except Refusal as refusal:
        print(f"\nunroll: {refusal}\n", file=sys.stderr)
        raise SystemExit(1) from None
