"""The corpora that are measured: this checkout's own where `make repro` has made them, otherwise made anew.

The starter corpora stand in where neither a mirror nor the Hub has the real ones.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import ROOT
from unroll.corpora import hub
from unroll.failures import Refusal

if TYPE_CHECKING:  # it imports torch, which the process that only owns workers can do without
    from unroll.networks.batches import EncodedSplit

STAND_INS = {
    "tweets": "starter_tweets",
    "sst5": "starter_movies",
    "sst3_spacy": "starter_movies",
    "ag_news": "starter_movies",
}
STAGES = ("download", "preprocess", "vocabulary")


@dataclass(frozen=True)
class Located:
    """A corpus by its name in params.yaml, and the folder that has its data/."""

    name: str
    folder: Path

    @property
    def settings(self) -> dict:
        return {"data": str(self.folder), "corpus": self.name}

    @property
    def tokens(self) -> int:
        """Return how many tokens the training split has."""
        import numpy as np

        path = self.folder / "data/vocabulary" / self.name / "train/offsets.npy"
        return int(np.load(path, allow_pickle=False)[-1])


@dataclass(frozen=True)
class Encoded:
    """What is read of a corpus in training."""

    train: "EncodedSplit"
    validation: "EncodedSplit"
    vocabulary: int
    """How many words it has."""

    @classmethod
    def load(cls, folder: Path, corpus: str) -> "Encoded":
        from unroll.networks.batches import EncodedSplit

        data = folder / "data/vocabulary" / corpus
        size = (data / "vocabulary.txt").read_text(encoding="utf-8").count("\n")
        return cls(
            EncodedSplit.load(data / "train", "cpu", size),
            EncodedSplit.load(data / "validation", "cpu", size),
            size,
        )


def locate(names: tuple[str, ...], scratch: Path, checkout: Path = ROOT) -> dict[str, Located]:
    """Return each corpus, or what stands in for it; what the checkout lacks is made in `scratch`.

    Raises:
        Refusal: a stage that makes it failed; its own words have been printed.
    """
    real = hub.mirror_folder() is not None or all(_is_made(name, checkout) for name in names)
    real = real or hub.hub_answers()
    found = {}
    for wanted in names:
        name = wanted if real else STAND_INS[wanted]
        if not _is_made(name, checkout):
            _make(name, scratch)
        found[wanted] = Located(name, checkout if _is_made(name, checkout) else scratch)
    return found


def _is_made(name: str, folder: Path) -> bool:
    return all((folder / "data" / stage / name).is_dir() for stage in ("clean", "vocabulary"))


def _make(name: str, folder: Path) -> None:
    if _is_made(name, folder):
        return
    shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")
    for stage in STAGES:
        print(f"{stage} {name}", flush=True)
        command = [sys.executable, "-m", f"stages.{stage}", name]
        done = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)})
        if done.returncode != 0:
            raise Refusal(f"{name} could not be made: {' '.join(command)} ended with {done.returncode}")
