"""Where the tracker is, without a word to it: MLflow takes two seconds to import."""

import getpass
import hashlib
import os
import re
import socket
from pathlib import Path
from urllib.parse import unquote


def address() -> str:
    return os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


def database_of(uri: str) -> Path | None:
    """The file of a local database; None for a server."""
    place = unquote(uri.removeprefix("sqlite:///").split("?")[0])
    return Path(place) if uri.startswith("sqlite:///") else None


def without_password(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://", text)


def clone() -> str:
    """Name this copy of the project among those that fill one server: by user, machine and folder.

    UNROLL_CLONE names it otherwise, where all of these change from run to run, as in CI.
    """
    folder = hashlib.sha256(str(Path.cwd()).encode()).hexdigest()[:8]
    named = os.environ.get("UNROLL_CLONE") or f"{user()}.{socket.gethostname()}.{folder}"
    return re.sub(r"[^\w.-]", "-", named, flags=re.ASCII)[:100]


def user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may know its user by number alone
        return str(os.getuid())
