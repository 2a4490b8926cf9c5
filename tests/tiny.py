"""The tiny corpora that tests share: invented sentences that a small network can learn in seconds.

Every word carries at most one class, so that a bag of words can learn it too, and every sentence
differs from all others of its corpus, so that cleaning keeps it.
"""

import copy
import io
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from in_memory import save_encoded
from ruamel.yaml import YAML

from unroll.files import write_json
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.networks.batches import EncodedSplit

ROOT = Path(__file__).resolve().parents[1]
SPLITS = ("train", "validation", "test")
COUNTS = {"train": 60, "validation": 20, "test": 24}
COMMIT = "5" * 40

FILLER = [
    "the",
    "a",
    "one",
    "lamp",
    "kettle",
    "ladder",
    "garden",
    "window",
    "clock",
    "by",
    "with",
    "near",
    "from",
    "very",
    "old",
]
TELLING = (
    ["horrid", "dreadful", "ghastly", "vile"],
    ["drab", "clumsy", "stale", "limp"],
    ["plain", "usual", "grey", "square"],
    ["neat", "tidy", "pleasant", "bright"],
    ["splendid", "glorious", "superb", "radiant"],
)


def rows(count: int, seed: int, classes: int = 3) -> list[dict]:
    """Return rows (text, label): two telling words of the label's class among some filler."""
    draw = random.Random(seed)
    telling = TELLING if classes == 5 else [TELLING[0], TELLING[2], TELLING[4]][:classes]
    found: dict[str, int] = {}
    while len(found) < count:
        label = len(found) % classes
        words = draw.choices(FILLER, k=draw.randint(1, 9)) + draw.choices(telling[label], k=2)
        draw.shuffle(words)
        found[" ".join([*words, "."])] = label
    return [{"text": text, "label": label} for text, label in found.items()]


def tree(text: str, label: int) -> str:
    """Return a right-branching tree over the words, the root with the label, all else neutral.

    >>> tree("a bright lamp", 4)
    '(4 (2 a) (2 (2 bright) (2 lamp)))'
    """
    words = text.split()
    branch = f"(2 {words[-1]})"
    for place in range(len(words) - 2, -1, -1):
        branch = f"({label if place == 0 else 2} (2 {words[place]}) {branch})"
    return branch


def trees(count: int, seed: int) -> list[dict]:
    return [{"ptb_tree": tree(row["text"], row["label"])} for row in rows(count, seed, classes=5)]


def as_parquet(table: list[dict]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table), stream)
    return stream.getvalue()


def as_jsonl(table: list[dict]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table).encode()


def repositories() -> dict[str, dict[str, dict[str, bytes]]]:
    """Return what hub_server.HubServer serves for the corpora of `params`."""
    numbered = list(enumerate(COUNTS.items()))
    return {
        "tiny/trees": {
            "refs/convert/parquet": {
                f"ptb/{split}/0000.parquet": as_parquet(trees(count, seed))
                for seed, (split, count) in numbered
            }
        },
        "tiny/rows": {
            COMMIT: {
                f"sentiment/{split}-00000-of-00001.parquet": as_parquet(rows(count, 10 + seed))
                for seed, (split, count) in numbered
            }
        },
    }


def params() -> dict:
    """Return the shipped params.yaml with two tiny corpora in place of its own.

    tiny_trees stands for sst5 and tiny_rows for tweets: all but size and source is as shipped.
    """
    document = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    corpora = {}
    for name, shipped, repository, revision in (
        ("tiny_trees", "sst5", "tiny/trees", "refs/convert/parquet"),
        ("tiny_rows", "tweets", "tiny/rows", COMMIT),
    ):
        corpus = document["corpora"][shipped]
        source = {key: value for key, value in corpus["source"].items() if key not in ("sha256", "fallback")}
        source |= {"dataset": repository, "revision": revision, "rows": dict(COUNTS)}
        corpora[name] = corpus | {"source": source}
    selection = {
        "corpora": list(corpora),
        "networks": document["suites"]["full"]["networks"],
        "seeds": [1, 2],
        "taught": [],
    }
    # So that a test may have networks of its own in place of these.
    untaught = {name: one for name, one in document["networks"].items() if "teacher" not in one}
    return document | {
        "corpora": corpora,
        "networks": untaught,
        "ensembles": {},
        "select": selection,
        "suites": {"tiny": copy.deepcopy(selection)},
        "reference": {},
        "ladder": [],
        "searches": {},
    }


def write_params(folder: Path, document: dict) -> None:
    with open(folder / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)


def record_corpus(folder: Path, corpus: str) -> None:
    """Write what the stage `environment` records of a corpus without files of one's own."""
    write_json(folder / f"data/environment/corpora/{corpus}.json", {})


def encoded(folder: Path, table: list[dict], vocabulary: Vocabulary | None = None) -> EncodedSplit:
    """Return rows (text, label) as training reads them, kept in `folder`, cut at white space."""
    tokens = [row["text"].split() for row in table]
    vocabulary = vocabulary or Vocabulary.build(tokens, VocabularyRules())
    save_encoded(folder, vocabulary, range(len(table)), tokens, [row["label"] for row in table])
    return EncodedSplit.load(folder, "cpu", len(vocabulary))


def split_of(
    rows: list[list[int]], labels: list[int] | None = None, unseen_XE: torch.Tensor | None = None
) -> EncodedSplit:
    """Return a split of these ids; its rows are numbered by sevens, all of class 0 unless said."""
    lengths = np.array([len(row) for row in rows])
    return EncodedSplit(
        ids=torch.tensor([token for row in rows for token in row], dtype=torch.int32),
        offsets=torch.tensor([0, *np.cumsum(lengths)]),
        labels=torch.tensor(labels or [0] * len(rows)),
        rows=np.arange(len(rows)) * 7,
        lengths=lengths,
        unseen_XE=unseen_XE,
    )
