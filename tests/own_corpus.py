"""A folder with one small corpus of its own files, on which single stages run: for bad data and damage.

No copy of the project: stages take their data from the current folder and their code from here.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import tiny

from unroll import frames
from unroll.failures import told_plainly
from unroll.files import read_json

CORPUS, NETWORK, SEED = "mine", "small", 1
LABELS = ("bad", "usual", "good")
SMALL = {"cell": "gru", "hidden": 4, "pooling": "max", "embedding": {"size": 6}}
ARGUMENTS = {"train": (CORPUS, NETWORK, str(SEED)), "evaluate": (CORPUS, NETWORK), "environment": ()}
STAGES = (
    "environment",
    "download",
    "preprocess",
    "vocabulary",
    "vectors",
    "train",
    "evaluate",
    "floor",
    "compare",
)
EVERY = {"download": "raw", "preprocess": "clean", "vocabulary": "vocabulary"}
"""The folder of data that a stage makes."""


def rows(split: str) -> list[dict]:
    return tiny.rows(tiny.COUNTS[split], tiny.SPLITS.index(split))


class OwnCorpus:
    """Writes params.yaml and a good file for every split; what `changes` name of the corpus is different."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for split in tiny.SPLITS:
            self.write(f"{split}.jsonl", tiny.as_jsonl(rows(split)))
        tiny.record_corpus(folder, CORPUS)  # as the stage `environment` does, which few tests here run
        self.describe()

    def write(self, name: str, content: bytes | str) -> None:
        (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def describe(self, source: dict | None = None, **changes: object) -> None:
        """Write params.yaml; `source` and `changes` are laid over those of the corpus."""
        document = tiny.params()
        files = {split: f"{split}.jsonl" for split in tiny.SPLITS}
        corpus = {
            "title": "our own",
            "source": {"kind": "file", "files": files} | (source or {}),
            "labels": list(LABELS),
            "relabel": None,
            "headline": "accuracy",
            "text": {"tokenizer": "whitespace"},
            "vocabulary": {"min_count": 1},
            "training": {"epochs": 1},
            "published": [],
        }
        select = {"corpora": [CORPUS], "networks": [NETWORK], "seeds": [SEED], "taught": []}
        document |= {
            "corpora": {CORPUS: corpus | changes},
            "networks": {NETWORK: SMALL},
            "select": select,
            "suites": {CORPUS: dict(select)},
        }
        tiny.write_params(self.folder, document)

    def copied(self, folder: Path) -> "OwnCorpus":
        """Return a copy, as far as its stages have run."""
        copy = OwnCorpus.__new__(OwnCorpus)
        copy.folder = folder
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns(".unroll"))
        return copy

    def run(self, *stages: str) -> None:
        """Run these stages in this process."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for stage in stages:
                arguments = ARGUMENTS.get(stage, (CORPUS,))
                made = [int(each) if each.isdecimal() else each for each in arguments]
                import_module(f"stages.{stage}").main(*made)

    def profile(self) -> dict:
        return read_json(self.folder / "data/clean" / CORPUS / "profile.json")

    def texts(self, kind: str, split: str) -> list[str]:
        path = self.folder / "data" / kind / CORPUS / f"{split}.parquet"
        return list(frames.read_parquet(path, ["text"])["text"])

    def half_written(self) -> list[str]:
        """Return what is left of files that were not finished."""
        return [str(path) for path in self.folder.rglob("*.tmp")]


def environment() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONPATH": str(tiny.ROOT)}


class Refusals:
    """Stages and commands that must end as a user's mistake does: by themselves in `make torture`.

    A share is run in this process, which tells the same message and does not start Python anew.
    """

    def __init__(self, refused: Callable, tell: Callable, alone: bool, capsys: pytest.CaptureFixture) -> None:
        self.refused, self.tell, self.alone, self.capsys = refused, tell, alone, capsys

    def stage(self, corpus: OwnCorpus, tried: str, stage: str, *named: str) -> str:
        """Run a stage that must be refused with these words, and leave nothing that is half written."""
        if self.alone:
            command = ["-m", f"stages.{stage}", *ARGUMENTS.get(stage, (CORPUS,))]
            said = self.refused(tried, command, corpus.folder, *named, environment=environment())
        else:
            self.tell(tried, "")
            with pytest.raises(SystemExit) as ended, told_plainly():
                corpus.run(stage)
            said = self.capsys.readouterr().err.partition("unroll: ")[2].strip()
            assert ended.value.code == 1
            for name in named:
                assert name in said, f"{name!r} is not named in: {said}"
            self.tell(tried, said.splitlines()[0])
        assert not corpus.half_written()
        return said


def predict(folder: Path, *texts: bytes | str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `python -m unroll predict` on the texts, or on what is `given` on its standard input."""
    model = f"{CORPUS}/{NETWORK}/{SEED}"
    command = [sys.executable, "-m", "unroll", "predict", "--json", "--model", model, "--", *texts]
    return subprocess.run(
        command, cwd=folder, env=environment(), input=given, capture_output=True, timeout=120
    )


def as_csv(table: list[tuple[str, object]]) -> str:
    quoted = [f'"{text.replace(chr(34), chr(34) * 2)}",{label}\n' for text, label in table]
    return "text,label\n" + "".join(quoted)


def as_tsv(table: list[tuple[str, object]]) -> str:
    return "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in table)


def as_jsonl(table: list[tuple[str, object]]) -> str:
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in table)
