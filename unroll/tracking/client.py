"""The way to MLflow: where it keeps its runs, and how several processes get there at once.

A database that two processes make at the same time breaks, so one lock guards whatever makes or
judges; to add to a run that exists needs none. At a server they take turns (turns.py).
"""

import fcntl
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from unroll import files, processes
from unroll.failures import Refusal
from unroll.tracking.imports import (
    ArtifactRepository,
    Engine,
    Experiment,
    MlflowClient,
    MlflowException,
    PagedList,
    SQLAlchemyError,
    ViewType,
    event,
    get_artifact_repository,
)
from unroll.tracking.place import database_of, without_password
from unroll.tracking.turns import turn

NOTE = "mlflow.note.content"
"""The tag whose text MLflow shows as the description of a run or experiment."""
WAIT_SECONDS = 60
"""For another process to let go of the database."""


@dataclass(frozen=True)
class Tracker:
    """A database or server."""

    uri: str

    @cached_property
    def client(self) -> MlflowClient:
        # Its registry too, whatever MLFLOW_REGISTRY_URI says: that is where turns are taken.
        return MlflowClient(self.uri, self.uri)

    @property
    def database(self) -> Path | None:
        return database_of(self.uri)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep out every other process in here: its unfinished runs look like those of a killed one.

        Raises:
            Refusal: the database or server cannot be used.
        """
        try:
            if not self.database:
                with turn(self.client, WAIT_SECONDS):
                    yield
                return
            self.database.parent.mkdir(parents=True, exist_ok=True)
            with open(f"{self.database}-lock", "w") as stream:
                _lock(stream)
                with _unsynchronised() if _is_empty(self.database) else nullcontext():
                    _initialise(self.database)
                    yield
        except (MlflowException, SQLAlchemyError, ModuleNotFoundError, PermissionError) as error:
            message = f"MLFLOW_TRACKING_URI: {self.uri} cannot be used: {error}"
            raise Refusal(without_password(message)) from None

    def experiments(self) -> dict[str, Experiment]:
        """Return all by name, deleted ones too: their names are taken."""
        found = all_pages(lambda token: self.client.search_experiments(ViewType.ALL, page_token=token))
        return {experiment.name: experiment for experiment in found}

    def make_experiment(self, name: str, tags: dict[str, str]) -> Experiment:
        folder = self.artifacts(name)
        # Folders that lie there already belong to a database that is gone.
        remnants = [*folder.glob("[0-9a-f]" * 32), folder / "models"] if folder else []
        for remnant in remnants:
            shutil.rmtree(remnant, ignore_errors=True)
        made = self.client.create_experiment(name, folder.as_uri() if folder else None, tags)
        return self.client.get_experiment(made)

    def files_at(self, place: str) -> ArtifactRepository:
        """Return where a run's or model's files go. MLflow's client would ask the database for `place`."""
        return get_artifact_repository(place, tracking_uri=self.uri)

    def artifacts(self, experiment: str) -> Path | None:
        """Return where an experiment's files belong; None leaves it to the server."""
        if not self.database:
            return None
        # mlflow.db has mlartifacts beside it, any other database a folder of its own name.
        name = self.database.name
        root = "mlartifacts" if name == "mlflow.db" else f"{name}-artifacts"
        return self.database.resolve().with_name(root) / experiment


def commit() -> str | None:
    """Return HEAD, or None outside git; what ran is told apart by the lock's hashes, not by it."""
    try:
        head = subprocess.run(["git", "rev-parse", "--verify", "HEAD"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return head.stdout.strip() or None


def all_pages(search: Callable[[str | None], PagedList]) -> Iterator:
    page = search(None)
    yield from page
    while page.token:
        yield from (page := search(page.token))


def _is_empty(database: Path) -> bool:
    return not database.exists() or database.stat().st_size == 0


@contextmanager
def _unsynchronised() -> Iterator[None]:
    """Let SQLite write without waiting for the disk: a new database has nothing to lose to a power cut.

    Its tables and 58 runs are a thousand commits, each a wait of 1 ms, or of 10 on a busy disk.
    """

    def relax(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)


def _initialise(database: Path) -> None:
    """Make a new database under another name: one that is killed amid its tables never opens again."""
    if _is_empty(database):
        with files.whole_file(database) as temporary:
            place = str(temporary).replace("%", "%25")
            MlflowClient(tracking_uri=f"sqlite:///{place}").search_experiments(max_results=1)
    try:
        # As who writes: one that another process writes to, or has locked, is waited for.
        with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise Refusal(_busy(database)) from None
        mend = "python -m unroll doctor --fix sets it aside, and it is rebuilt"
        raise Refusal(f"{database} cannot be used ({error}): {mend}") from None


def _lock(stream: IO) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Refusal(_busy(Path(stream.name))) from None
            time.sleep(0.05)


def _busy(locked: Path) -> str:
    who = processes.holders_in_words(locked)
    return (
        f"{locked} has been locked for {WAIT_SECONDS} s; it is open in {who}. No result is lost: once that "
        "has ended, python -m unroll repro or dvc repro track shows them in MLflow"
    )
