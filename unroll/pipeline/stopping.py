"""How a run of the pipeline ends when it is told to: Ctrl-C, SIGTERM, or a terminal that closes."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from unroll.training.interruption import SIGNALS


class Stopped(BaseException):
    """Raised wherever the run is when the signal comes, each time that it comes."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stopped_plainly() -> Iterator[None]:
    """Raise Stopped in the block upon a signal; end the process with a message and 128 + its number then.

    A signal that was ignored before, as by nohup, stays so.
    """

    def stop(number: int, frame: object) -> None:
        raise Stopped(number)

    for one in SIGNALS:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, stop)
    try:
        yield
    except Stopped as stopped:
        with suppress(OSError):  # the terminal may be gone
            print("\nunroll: stopped; the same command goes on from here\n", file=sys.stderr)
        raise SystemExit(128 + stopped.number) from None
