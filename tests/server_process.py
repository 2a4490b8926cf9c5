"""A server as a process of its own, which ends with the tests that asked for it, however those end.

`python server_process.py USER COMMAND ...` runs the command (as USER, or as itself where that is empty) and
ends it, with all that it has started, once its standard input has an end: a pipe has one too when the
process at its other end is killed.
"""

import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PATIENCE_SECONDS = 120
GRACE_SECONDS = 5


@contextmanager
def served(
    command: list[str],
    answers: Callable[[], object],
    log: Path,
    variables: Mapping[str, str] | None = None,
    user: str = "",
) -> Iterator[psutil.Popen]:
    """Run a server until the block ends, which begins once it answers; its output goes to `log`."""
    keeper = [sys.executable, str(Path(__file__)), user, *command]
    with open(log, "ab") as stream:
        kept = psutil.Popen(
            keeper,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the tests, which then end it
        )
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not answers():
            assert kept.poll() is None and time.monotonic() < until, log.read_text(errors="replace")[-3000:]
            time.sleep(0.1)
        yield kept
    finally:
        kept.stdin.close()
        kept.wait()


def free_port() -> int:
    """Return one that nobody listens on at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def keep(user: str, command: list[str]) -> int:
    server = psutil.Popen(command, stdin=subprocess.DEVNULL, user=user or None)
    while server.poll() is None and not select.select([sys.stdin], [], [], 0.1)[0]:
        pass
    family = [server, *server.children(recursive=True)] if server.poll() is None else []
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.terminate()
    for one in psutil.wait_procs(family, GRACE_SECONDS)[1]:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    return server.wait()


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1], sys.argv[2:]))
