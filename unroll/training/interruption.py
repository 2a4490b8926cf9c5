"""Signals that ask a training to end: it hears of them between two steps, and saves what it has."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what ends processes politely; a terminal that closes."""


@contextmanager
def noticed() -> Iterator[Callable[[], str | None]]:
    """Yield what tells the name of the first signal that came within the block, which it survives.

    A signal that was ignored before, as by nohup, stays so. Only the main thread may do this.
    """
    arrived: list[str] = []
    before = {one: signal.getsignal(one) for one in SIGNALS}
    heeded = [one for one, handler in before.items() if handler is not signal.SIG_IGN]
    for one in heeded:
        signal.signal(one, lambda number, frame: arrived.append(signal.Signals(number).name))
    try:
        yield lambda: arrived[0] if arrived else None
    finally:
        for one in heeded:
            signal.signal(one, before[one])
