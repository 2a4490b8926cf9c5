"""A stage as a process: its strings hash alike in every run, it ends with its DVC, and it tells plainly.

DVC that is killed leaves the command that it runs at work, and that would write into the outputs of
the next run. So a stage watches the processes above it, up to DVC (on Linux alone).
"""

import ctypes
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unroll.failures import Refusal, told_plainly

HASH_SEED = "0"
RUN_BY = "DVC_STAGE"
"""The variable by which DVC tells a command, and what it starts, whose stage it is."""
GRACE_SECONDS = 8
"""How long a stage whose DVC is gone may go on saving."""
PR_SET_PDEATHSIG = 1


@contextmanager
def as_stage(*names: str) -> Iterator[list[str]]:
    """Run the block, which gets an argument for each of the names; what the user can mend ends it with a
    message, and so does Ctrl-C.

    dvc.yaml has DVC write every axis of a matrix as `--axis value`, since only so does DVC quote the
    values for the shell. People may leave the axes out: `--corpus sst5 --seed 1` and `sst5 1` are the same.
    """
    end_with_dvc()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with told_plainly():
        given = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
        if len(given) != len(names):
            wanted = " ".join(name.upper() for name in names) or "no arguments"
            raise Refusal(f"stages.{Path(sys.argv[0]).stem} takes {wanted}, and was given {given}")
        try:
            yield given
        except KeyboardInterrupt:
            raise Refusal("interrupted; nothing is half written: the same command does it again") from None


def begin() -> None:
    """Start this program anew with PYTHONHASHSEED, which Python reads only at its start, and let Ctrl-C
    end it without a word until `as_stage`.

    Does so only in the very beginning of `python -m`, before anything costly is imported.
    """
    # While Python looks for the module that it was told to run, its name stands as "-m".
    if sys.argv[0] != "-m":
        return
    if sys.flags.hash_randomization and not sys.flags.ignore_environment:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_with_dvc() -> None:
    """Have SIGTERM sent to this process once its DVC, or a shell between them, is gone; SIGKILL later.

    Does nothing in a process that DVC does not run: by hand, a stage may outlive its shell.
    """
    if sys.platform != "linux" or RUN_BY not in os.environ:
        return
    end_with(os.getppid(), signal.SIGTERM)
    try:
        above = list(_up_to_dvc(f"{RUN_BY}={os.environ[RUN_BY]}".encode()))
    except (FileNotFoundError, ProcessLookupError):
        sys.exit("the DVC that started this stage is gone")
    except OSError:  # a kernel before 5.3 opens no process
        return
    threading.Thread(target=_end_after, args=(above,), daemon=True).start()


def end_with(parent: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this signal to this process once its parent is gone; end now if it is."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:
        os._exit(1)


def _up_to_dvc(mark: bytes) -> Iterator[int]:
    """Yield a descriptor of each process from this one's parent up to the first without the mark: DVC.

    Raises:
        FileNotFoundError: one of them is gone.
        ProcessLookupError: one of them is gone.
    """
    process = os.getppid()
    yield os.pidfd_open(process)
    while _is_marked(process, mark):
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        yield os.pidfd_open(process)
    if os.getpgid(process) != os.getpgrp():
        # DVC runs commands in its own group: this one took in an orphan.
        raise ProcessLookupError


def _is_marked(process: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except PermissionError:  # somebody else's, so not of this stage
        return False


def _end_after(above: list[int]) -> None:
    poll = select.poll()
    for descriptor in above:
        poll.register(descriptor, select.POLLIN)
    if above[0] not in dict(poll.poll()):  # of its parent's end the kernel has told it
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
