"""What a user can mend is told in one message, without a traceback."""

import errno
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Refusal(Exception):
    """A user's mistake or a missing thing: names the file, row or key and says what to do."""


def damaged(path: Path, why: object) -> Refusal:
    """Return the refusal of what a stage made and something else changed."""
    reason = " ".join(str(why).split()) or type(why).__name__
    return Refusal(f"{path} is damaged: {reason}. Delete it and run dvc repro, which makes it again")


MENDED_BY = {
    errno.ENOSPC: "make room there and run it again",
    errno.EDQUOT: "make room, or have the quota raised, and run it again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f) and run it again",
    errno.EROFS: "make the folder writable, or work in a copy elsewhere",
    errno.EACCES: "change its permissions, or run as the user whose it is",
    errno.EPERM: "change its permissions, or run as the user whose it is",
    errno.ENOENT: "run dvc repro, which makes what a stage needs",
    errno.ENOTDIR: "a file stands where a folder belongs: move it away",
    errno.EISDIR: "a folder stands where a file belongs: move it away",
    errno.EIO: "the disk itself fails: work in a copy elsewhere",
}
"""What to do where the machine says no to reading or writing a file."""

# As Rust's libraries end their messages (safetensors, tokenizers): they keep no number elsewhere.
RUST = re.compile(r"\(os error (\d+)\)")
# numpy's, which has no number at all.
NUMPY = re.compile(r"requested and \d+ written|Not enough free space")
# unroll.files writes under such a name first.
TEMPORARY = re.compile(r"\.([^/]+)\.\d+\.tmp")


@contextmanager
def told_plainly() -> Iterator[None]:
    """End the process with status 1 and the message alone when the block raises a Refusal.

    So it does where a disk is full, a file is missing or its permissions are wrong, whichever library
    finds that out.
    """
    try:
        yield
        sys.stdout.flush()
    except Exception as error:
        message = str(error) if isinstance(error, Refusal) else of_the_machine(error)
        if message is None:
            raise
        print(f"\nunroll: {message}\n", file=sys.stderr)
        raise SystemExit(1) from None


def of_the_machine(error: BaseException) -> str | None:
    """Return which file the machine would not read or write, why, and the way out; None for any other error.

    Errors that name no file have it as a note, from unroll.files.
    """
    number = _number_of(error)
    if number not in MENDED_BY:
        return None
    # The last note is of the whole that was written; of several files open in it, any may be at fault.
    named = getattr(error, "filename", None) or next(iter(getattr(error, "__notes__", ())[::-1]), None)
    if isinstance(named, bytes):
        named = os.fsdecode(named)
    nameless = f"standard output, or a temporary file in {tempfile.gettempdir()}"
    place = TEMPORARY.sub(r"\1", str(named)) if named else nameless
    return f"{place}: {os.strerror(number)}: {MENDED_BY[number]} (nothing is half written)"


def _number_of(error: BaseException) -> int | None:
    if isinstance(error, OSError):
        return error.errno or (errno.ENOSPC if NUMPY.search(str(error)) else None)
    found = RUST.search(str(error))
    return int(found[1]) if found else None
