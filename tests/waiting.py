"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 120


def wait_until(happened: Callable[[], object], pause: float = 0.01) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < until
        time.sleep(pause)


def is_alive(process: int) -> bool:
    """Nobody may have buried it yet: what has ended is a zombie then."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
