"""A project whose every training takes no time: what is left is what the pipeline itself costs.

Its corpora are tables of drawn words, small enough for an epoch in milliseconds; its networks are the
three cells in both directions and the bag of words, in as many widths as it takes.
"""

import csv
import itertools
import random
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks import ROOT
from unroll.pipeline.copies import copy_project

ROWS = {"train": 60, "validation": 20, "test": 24}
LABELS = ("cold", "mild", "warm")


def make(folder: Path, corpora: int, networks: int, seeds: int) -> None:
    """Lay out a project for corpora x networks x seeds in `folder`, with the code of this checkout."""
    lay_out(folder)
    document = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    document["corpora"] = {f"drawn_{number}": _corpus(folder, number) for number in range(1, corpora + 1)}
    document["networks"] = dict(itertools.islice(_networks(), networks))
    document["training"] |= {"epochs": 1}
    document |= {"suites": {}, "reference": {}, "ladder": [], "searches": {}, "ensembles": {}}
    document["select"] = {
        "corpora": list(document["corpora"]),
        "networks": list(document["networks"]),
        "seeds": list(range(1, seeds + 1)),
        "taught": [],
    }
    with open(folder / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)


def lay_out(folder: Path) -> None:
    """Copy the project but for what a run makes, and lend this checkout's .venv."""

    def wanted(name: str) -> bool:
        return name != "dvc.lock" and (not name.startswith("reports/") or name.endswith(".gitignore"))

    copy_project(ROOT, folder, wanted)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())


def _corpus(folder: Path, number: int) -> dict:
    """Write the tables of one corpus and return what params.yaml says of it."""
    draw, files = random.Random(number), {}
    for split, count in ROWS.items():
        path = folder / f"drawn/{number}/{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text", "label"])
            for row in range(count):
                # Its own first word keeps a row from being taken for another's repetition.
                words = [f"{split}{row}", *(f"word{draw.randrange(40)}" for _ in range(draw.randint(2, 9)))]
                writer.writerow([" ".join(words), LABELS[row % len(LABELS)]])
        files[split] = path.relative_to(folder).as_posix()
    return {
        "title": f"drawn words {number}",
        "source": {"kind": "file", "files": files},
        "labels": list(LABELS),
        "relabel": None,
        "headline": "accuracy",
        "text": {"tokenizer": "basic_english", "lowercase": True},
        "vocabulary": {"min_count": 1, "max_size": 1000},
        "training": {},
        "published": [],
    }


def _networks():
    for width in itertools.count(4, 2):
        embedding = {"size": width, "scale": 0.1}
        yield f"bag_{width}", {"cell": "bag", "embedding": embedding}
        for cell, both in itertools.product(("elman", "lstm", "gru"), (False, True)):
            yield (
                f"{'bi' if both else ''}{cell}_{width}",
                {
                    "cell": cell,
                    "bidirectional": both,
                    "hidden": width,
                    "pooling": "max",
                    "embedding": embedding,
                },
            )
