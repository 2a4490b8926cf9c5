"""A folder that `mlflow models serve` runs: weights of all seeds, vocabulary, rules, code, requirements.

The code is what unroll/serving/served.py imports, read from the imports themselves: a list would rot.
"""

import shutil
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from unroll import files
from unroll.pipeline.lockfile import key_of
from unroll.serving.closure import import_closure, packages_of
from unroll.tracking.imports import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Model,
    ModelSignature,
    Schema,
    save_model,
)
from unroll.tracking.models import of_classes

ROOT = Path(__file__).parents[2]
SERVED = ROOT / "unroll/serving/served.py"
TOKENIZERS = {
    "tree": "nltk",  # which cuts new texts
    "treebank": "nltk",
    "tweet": "nltk",
    "spacy": "spacy",
    "bpe": "tokenizers",
    "wordpiece": "tokenizers",
}
"""The packages that only some corpora's texts are cut with."""
NORMALISERS = {"emoji": "emoji", "hashtags": "wordsegment"}
"""Those that only some are prepared with."""
DISTRIBUTIONS = {"ruamel": "ruamel.yaml", "pydantic_core": "pydantic-core"}
"""What an index calls a package whose import has another name."""
EXAMPLE = pd.DataFrame({"text": ["not bad at all", "never again"]})


@dataclass(frozen=True)
class Contents:
    """What goes into a package beside code."""

    seeds: dict[int, Path]
    """The folder of each seed's weights.safetensors and model.json."""
    vocabulary: Path
    rules: dict
    """How the corpus turns text into tokens (TextRules), as params.yaml says it."""
    pieces: Path | None
    """tokenizer.json, where the tokenizer learned some."""

    @property
    def labels(self) -> list[str]:
        return files.read_json(next(iter(self.seeds.values())) / "model.json")["labels"]


def save(folder: Path, contents: Contents, model_id: str | None = None) -> None:
    """Write the package into `folder`, which is made."""
    with TemporaryDirectory() as scratch:
        model, code = Path(scratch) / "model", Path(scratch)
        for seed, trained in contents.seeds.items():
            shutil.copytree(trained, model / "seeds" / str(seed))
        shutil.copyfile(contents.vocabulary, model / "vocabulary.txt")
        files.write_json(model / "text.json", contents.rules)
        if contents.pieces:
            shutil.copyfile(contents.pieces, model / "tokenizer.json")
        for name in code_files():
            (code / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, code / name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to those who have given no signature
            save_model(
                path=str(folder),
                python_model=str(SERVED),
                artifacts={"model": str(model)},
                code_paths=[str(code / "unroll")],
                signature=signature(contents.labels, len(contents.seeds)),
                input_example=EXAMPLE,
                pip_requirements=requirements(contents.rules),
                mlflow_model=Model(model_id=model_id),
            )


def code_files() -> list[str]:
    """Return the files of this project that served.py runs, relative to its root."""
    return sorted(import_closure(SERVED, ROOT))


def code_key() -> str:
    """Name the code of a package by its content."""
    return key_of({name: files.sha256_of(ROOT / name) for name in code_files()})


def requirements(rules: dict) -> list[str]:
    """Return the packages that the code needs for such texts, pinned to what is installed here.

    Without the build of a version (+cpu), which an index does not know.
    """
    chosen = {TOKENIZERS.get(rules["tokenizer"]), *map(NORMALISERS.get, rules.get("normalise", ()))} - {None}
    used = packages_of(code_files(), ROOT) - {*TOKENIZERS.values(), *NORMALISERS.values()} | chosen
    names = sorted(DISTRIBUTIONS.get(name, name) for name in used)
    return [f"{name}=={version(name).split('+')[0]}" for name in names]


def signature(labels: list[str], seeds: int) -> ModelSignature:
    """Say that a text gives its label and each class's probability; of several seeds, how far they agree.

    Of a column of strings MLflow's server would make text of numbers and of null; one of any type has what
    was sent, for served.py to refuse. The price is text/csv, which MLflow reads for typed columns alone.
    """
    answer = of_classes(labels)
    if seeds > 1:
        answer += [ColSpec("double", "spread"), ColSpec("long", "agree")]
    answer.append(ColSpec(Array(DataType.string), "unknown"))
    return ModelSignature(inputs=Schema([ColSpec(AnyType(), "text")]), outputs=Schema(answer))
