"""The tracker's database: a projection, so that a damaged one is set aside and made anew."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from unroll import processes
from unroll.doctor.finding import Finding

BESIDE = ("", "-journal", "-wal", "-shm")
"""What SQLite keeps beside a database: left behind, it would be played into the next one."""


def damaged(database: Path | None) -> Iterator[Finding]:
    """Find a local database that cannot be used, for its damage or because somebody has it locked."""
    if database is None or not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=1)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            who = processes.holders_in_words(database)
            yield Finding(str(database), f"locked by {who}", "wait until that has ended, or end it")
            return
        said = str(error)
    if said != "ok":
        remedy = f"it goes to {_aside(database)} and is rebuilt"
        yield Finding(str(database), f"damaged ({said})", remedy, partial(_set_aside, database))


def _aside(database: Path) -> Path:
    digest = hashlib.sha256(database.read_bytes()).hexdigest()[:8]
    return database.with_name(f"{database.name}-damaged-{digest}")


def _set_aside(database: Path) -> None:
    to = _aside(database)
    for ending in BESIDE:
        path = database.with_name(database.name + ending)
        if path.exists():
            path.replace(to.with_name(to.name + ending))
