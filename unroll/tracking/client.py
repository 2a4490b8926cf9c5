"""The way to MLflow: where it keeps its runs, and how several processes get there at once.

A database that two processes make at the same time breaks, so one lock guards whatever makes or
judges; to add to a run that exists needs none.
"""

import fcntl
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from unroll import files
from unroll.failures import Refusal
from unroll.tracking.imports import (
    Experiment,
    MlflowClient,
    MlflowException,
    PagedList,
    SQLAlchemyError,
    ViewType,
)

NOTE = "mlflow.note.content"
"""The tag whose text MLflow shows as the description of a run or experiment."""


@dataclass(frozen=True)
class Tracker:
    """A database or server."""

    uri: str

    @cached_property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.uri)

    @property
    def database(self) -> Path | None:
        """The file of a local database; None for a server."""
        place = unquote(self.uri.removeprefix("sqlite:///").split("?")[0])
        return Path(place) if self.uri.startswith("sqlite:///") else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep out every other process in here: its unfinished runs look like those of a killed one.

        Raises:
            Refusal: the database or server cannot be used.
        """
        try:
            if not self.database:
                yield
                return
            self.database.parent.mkdir(parents=True, exist_ok=True)
            with open(f"{self.database}-lock", "w") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
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

    def artifacts(self, experiment: str) -> Path | None:
        """Return where an experiment's files belong; None leaves it to the server."""
        if not self.database:
            return None
        # mlflow.db has mlartifacts beside it, any other database a folder of its own name.
        name = self.database.name
        root = "mlartifacts" if name == "mlflow.db" else f"{name}-artifacts"
        return self.database.resolve().with_name(root) / experiment


def address() -> str:
    return os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


def commit() -> str | None:
    """Return HEAD, or None outside git; what ran is told apart by the lock's hashes, not by it."""
    try:
        head = subprocess.run(["git", "rev-parse", "--verify", "HEAD"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return head.stdout.strip() or None


def without_password(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://", text)


def all_pages(search: Callable[[str | None], PagedList]) -> Iterator:
    page = search(None)
    yield from page
    while page.token:
        yield from (page := search(page.token))


def _initialise(database: Path) -> None:
    """Make a new database under another name: one that is killed amid its tables never opens again."""
    if not database.exists() or database.stat().st_size == 0:
        with files.whole_file(database) as temporary:
            place = str(temporary).replace("%", "%25")
            MlflowClient(tracking_uri=f"sqlite:///{place}").search_experiments(max_results=1)
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.DatabaseError as error:
        raise Refusal(f"{database} cannot be read ({error}): delete it, it is rebuilt") from None
