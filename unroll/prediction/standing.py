"""How a trained model on disk stands to params.yaml: whether it is the one that would be trained now."""

from enum import Enum
from pathlib import Path

from unroll import files
from unroll.catalogue import Catalogue
from unroll.failures import Refusal
from unroll.training import rules
from unroll.training.loop import Training

PARAMS = Path("params.yaml")
MODELS = Path("models")


class Standing(Enum):
    """In the words that follow its seed."""

    current = "trained as params.yaml says"
    absent = "not trained"
    damaged = "damaged"
    outdated = f"trained before {PARAMS} changed"


def folder_of(corpus: str, network: str, seed: int) -> Path:
    return MODELS / corpus / network / str(seed)


def rules_of(whole: Catalogue, corpus: str, network: str) -> Training:
    """Return how a network is trained on a corpus."""
    learned, own = whole.corpora[corpus], whole.networks[network].training
    return rules.of_network(whole.training, learned.training, own, has_trees=learned.has_trees)


def standing(whole: Catalogue, corpus: str, network: str, seed: int) -> Standing:
    """Hold what a model says of itself against what params.yaml says of it now."""
    path = folder_of(corpus, network, seed) / "model.json"
    if not path.is_file():
        return Standing.absent
    try:
        said = files.read_json(path)
    except Refusal:
        return Standing.damaged
    if not isinstance(said, dict):
        return Standing.damaged
    asked = {
        "network": whole.networks[network].model_dump(mode="json"),
        "training": rules_of(whole, corpus, network).model_dump(mode="json"),
        "labels": list(whole.corpora[corpus].labels),
    }
    return Standing.current if asked.items() <= said.items() else Standing.outdated
