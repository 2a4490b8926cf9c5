"""What tests of the sources share: small repositories, and a process that reads them.

A child process, because huggingface_hub reads HF_ENDPOINT once, when it is imported. conftest.py has
the fixtures: `hub`, a HubServer with nothing on it, and `child`, which asks that Hub and no other.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import tiny

from stages import download, preprocess
from unroll.corpora import patience, readers, sources
from unroll.failures import Refusal
from unroll.params import parse

SPLITS = tiny.SPLITS
COUNTS = {"train": 6, "validation": 5, "test": 4}
JSONL, PARQUET = "{split}.jsonl", "{split}.parquet"


def hub_source(repository: str, files: str = JSONL, **changes: object) -> dict:
    """Return a source as it stands in params.yaml."""
    source = {
        "kind": "hub",
        "dataset": repository,
        "revision": "main",
        "files": {split: files.format(split=split) for split in SPLITS},
        "label": "label",
        "rows": dict(COUNTS),
        "licence": "invented",
        "citation": "nobody",
    }
    return {key: value for key, value in (source | changes).items() if value is not None}


def repository(files: str = JSONL, **changes: bytes) -> dict[str, bytes]:
    """Return good files of every split, but for the `changes`."""
    write = tiny.as_jsonl if files.endswith("jsonl") else tiny.as_parquet
    good = {split: write(tiny.rows(count, seed)) for seed, (split, count) in enumerate(COUNTS.items())}
    return {files.format(split=split): changes.get(split, good[split]) for split in SPLITS}


def entry(source: dict) -> dict:
    """Return what the stage reads of params.yaml for a corpus named tiny."""
    return {"corpora": {"tiny": {"source": source, "labels": ["a", "b", "c"], "relabel": None}}}


def become(environment: dict[str, str]) -> None:
    """Start a child: another environment, and retries that do not wait 23 s."""
    os.environ.clear()
    os.environ.update(environment)
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(min(seconds, 0.01))


def fetch_here(source: dict, mirror: str, stall_seconds: float) -> tuple[dict[str, list[dict]], dict] | str:
    """Return the rows of every split and the record, or the refusal's words; anything else is raised."""
    os.environ["UNROLL_MIRROR"] = mirror
    patience.STALL_SECONDS = stall_seconds
    try:
        splits, record = readers.fetch(
            parse(source, sources.Source, "source", Path("params.yaml")), names=("a", "b", "c")
        )
    except Refusal as refusal:
        return str(refusal)
    return {split: frame.to_dict("records") for split, frame in splits.items()}, record


def prepare_here(folder: Path, corpus: str, stages: tuple[str, ...]) -> None:
    os.chdir(folder)
    tiny.record_corpus(folder, corpus)
    for stage in stages:
        {"download": download, "preprocess": preprocess}[stage].main(corpus)


class Child:
    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool

    def download(self, folder: Path, source: dict) -> None:
        """Run stages.download there: cheaper than `run_stage`, which imports `datasets` anew."""
        tiny.write_params(folder, entry(source))
        self.prepare(folder, "tiny", ("download",))

    def prepare(
        self, folder: Path, corpus: str, stages: tuple[str, ...] = ("download", "preprocess")
    ) -> None:
        """Run stages there, in a folder with nothing but a params.yaml."""
        self.pool.submit(prepare_here, folder, corpus, stages).result(timeout=60)

    def fetch(self, source: dict, mirror: Path | str = "") -> tuple[dict[str, list[dict]], dict]:
        found = self.pool.submit(fetch_here, source, str(mirror), 60).result(timeout=60)
        assert not isinstance(found, str), found
        return found

    def refusal(self, source: dict, mirror: Path | str = "", stall_seconds: float = 60) -> str:
        found = self.pool.submit(fetch_here, source, str(mirror), stall_seconds).result(timeout=60)
        assert isinstance(found, str), f"not refused: {found}"
        return found


def run_stage(folder: Path, source: dict, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run stages.download as DVC does, in a folder with nothing but a params.yaml."""
    tiny.write_params(folder, entry(source))
    command = [sys.executable, "-m", "stages.download", "tiny"]
    environment = environment | {"PYTHONPATH": str(tiny.ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def assert_told_plainly(done: subprocess.CompletedProcess, folder: Path, *words: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not (folder / "data").exists()
