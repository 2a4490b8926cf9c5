"""A trained model, from its files; who answers with it needs nothing else of an evaluation."""

from pathlib import Path

from pydantic import TypeAdapter
from torch import nn

from unroll.failures import Refusal, damaged
from unroll.networks.checkpoints import load_weights
from unroll.networks.classifier import build_model
from unroll.networks.spec import Network


def load_model(folder: Path, vocabulary_sha256: str, device: str) -> tuple[nn.Module, dict]:
    """Return a trained model and its model.json.

    Raises:
        Refusal: the weights are damaged, belong to another network than model.json says, or were trained
            with another vocabulary.
    """
    weights, document = load_weights(folder)
    try:
        if document["vocabulary_sha256"] != vocabulary_sha256:
            raise Refusal(f"{folder} was trained with another vocabulary: run dvc repro")
        network = TypeAdapter(Network).validate_python(document["network"])
        table_VE = weights["embedding.weight"]
        model = build_model(network, len(table_VE), len(document["labels"]), table_VE)
        model.load_state_dict(weights)
    except KeyError as error:
        raise damaged(folder, f"model.json or the weights have no {error}") from None
    # ValidationError is a ValueError; torch raises RuntimeErrors for weights of other names or shapes.
    except (ValueError, TypeError, RuntimeError) as error:
        raise damaged(folder, f"the weights are not those of the network in model.json: {error}") from None
    return model.to(device), document
