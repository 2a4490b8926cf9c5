"""Where the tracker is, without a word to it: MLflow takes two seconds to import."""

import os
import re
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
