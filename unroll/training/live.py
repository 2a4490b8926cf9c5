"""Epochs to the tracker while they train, for who wants to look: a line of JSON each to a process beside.

That process imports the tracker, which takes 2 s, and talks to it; whatever becomes of it, training
goes on. What it shows is not a result: the projection of dvc.lock is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

VARIABLE = "UNROLL_LIVE"
PATIENCE_SECONDS = 10


@contextmanager
def view(corpus: str, network: str, seed: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """Yield what to call with each epoch's row of the learning curve; without UNROLL_LIVE it does nothing."""
    if not os.environ.get(VARIABLE):
        yield lambda epoch: None
        return
    command = [sys.executable, "-m", "unroll.tracking.live", corpus, network, str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, encoding="utf-8")

    def send(message: dict) -> None:
        try:
            print(json.dumps(message), file=process.stdin, flush=True)
        except (BrokenPipeError, ValueError):  # it has ended, and said why; a closed pipe is a ValueError
            if not process.stdin.closed:
                _close(process)

    end = "FAILED"
    try:
        yield send
        end = "FINISHED"
    finally:
        send({"end": end})
        _close(process)
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            print(f"{VARIABLE}: the tracker did not answer: this run may be missing there", file=sys.stderr)


def _close(process: subprocess.Popen) -> None:
    with suppress(BrokenPipeError):  # of what was not sent yet
        process.stdin.close()
