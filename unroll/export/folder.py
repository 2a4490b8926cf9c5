"""Trained models of one network -> a folder that any ONNX runtime reads, written whole or not at all."""

import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

from unroll import files
from unroll.evaluation.models import load_model
from unroll.export.agreement import Agreement, agreement, texts_of
from unroll.export.bounds import BOUNDS, Kind
from unroll.export.classifier import model
from unroll.export.runtime import DOCUMENT, FILES, MODEL, TOKENIZER, VOCABULARY, Runtime
from unroll.failures import Refusal
from unroll.networks.classifier import Classifier
from unroll.networks.spec import Network
from unroll.text.tokenization import TextRules

PACKAGES = ("onnx", "onnxruntime", "torch")


@dataclass(frozen=True)
class Trained:
    """What of a project goes into an export; all paths are as the project's folder has them."""

    corpus: str
    network: str
    seeds: dict[int, Path]
    """The folder of each seed's model."""
    vocabulary: Path
    rules: TextRules
    pieces: Path | None
    """What the corpus's tokenizer learned, if it learned any."""
    split: Path
    """The encoded texts on which the two are compared."""

    @property
    def name(self) -> str:
        return f"{self.corpus}/{self.network}"


def write(trained: Trained, to: Path, weights: Kind) -> Agreement:
    """Write model.onnx, vocabulary.txt, export.json and, of learned pieces, tokenizer.json.

    Raises:
        Refusal: something is missing or damaged, seeds are not of one network, the network predicts words,
            `to` holds something else, or a probability is off by more than the bound; nothing is written.
    """
    _check_free(to)
    models, documents = _models(trained)
    spec = TypeAdapter(Network).validate_python(documents[0]["network"])
    seeds = {
        seed: {name: weight.numpy() for name, weight in one.state_dict().items()}
        for seed, one in zip(trained.seeds, models, strict=True)
    }
    with files.whole_folder(to) as folder:
        made = model(spec, seeds, trained.name, int8=weights == "int8")
        (folder / MODEL).write_bytes(made.SerializeToString(deterministic=True))
        shutil.copyfile(trained.vocabulary, folder / VOCABULARY)
        if trained.pieces is not None:
            shutil.copyfile(trained.pieces, folder / TOKENIZER)
        document = _document(trained, documents[0], weights, folder)
        files.write_json(folder / DOCUMENT, document)
        texts = texts_of(trained.split, len(models[0].embedding.weight))
        found = agreement(Runtime.load(folder), models, texts)
        if not found.largest_difference <= BOUNDS[weights]:
            raise Refusal(
                f"{trained.name} in {weights} is off by {found.largest_difference:.2g} on {trained.split}, "
                f"more than {BOUNDS[weights]:g}: nothing is written"
                + ("; export it with --weights float32" if weights == "int8" else "")
            )
        measured = {"split": trained.split.as_posix(), **asdict(found), "bound": BOUNDS[weights]}
        files.write_json(folder / DOCUMENT, document | {"agreement": measured})
    return found


def _document(trained: Trained, of_model: dict, weights: Kind, folder: Path) -> dict:
    """Return what export.json says of the files that lie in the folder, but for how far they are off."""
    made_from = [model / "weights.safetensors" for model in trained.seeds.values()]
    return {
        "corpus": trained.corpus,
        "network": trained.network,
        "seeds": list(trained.seeds),
        "labels": of_model["labels"],
        "text": trained.rules.model_dump(mode="json"),
        "weights": weights,
        "spec": of_model["network"],
        "files": {path.name: files.sha256_of(path) for path in sorted(folder.iterdir())},
        "made_from": {path.as_posix(): files.sha256_of(path) for path in made_from},
        "packages": {package: version(package) for package in PACKAGES},
    }


def _check_free(to: Path) -> None:
    """Refuse to replace anything but an older export."""
    if not to.exists() and not to.is_symlink():
        return
    names = {path.name for path in to.iterdir()} if to.is_dir() and not to.is_symlink() else {""}
    if names and not {DOCUMENT} <= names <= FILES:
        raise Refusal(f"{to} is there and no export: name a folder that is not, or an export to replace")


def _models(trained: Trained) -> tuple[list[Classifier], list[dict]]:
    """Return the model of each seed, and its model.json."""
    for needed in (trained.vocabulary, *([] if trained.pieces is None else [trained.pieces])):
        if not needed.is_file():
            raise Refusal(f"{needed} is missing: run dvc repro")
    digest = files.sha256_of(trained.vocabulary)
    models, documents = [], []
    for folder in trained.seeds.values():
        one, document = load_model(folder, digest, "cpu")
        if not isinstance(one, Classifier):
            raise Refusal(f"{trained.name} predicts next words, not the class of a text: it is not exported")
        if documents and any(document[key] != documents[0][key] for key in ("network", "labels")):
            raise Refusal(f"{folder} was trained as another network than the seeds before it: run dvc repro")
        models.append(one.eval())
        documents.append(document)
    return models, documents
