"""A network's lines in params.yaml -> the operations of its forward pass, counted by formula."""

from collections.abc import Sequence
from itertools import pairwise

from unroll.evaluation.cost import Operations
from unroll.networks.cells import CELLS
from unroll.networks.spec import BagNetwork, RecurrentNetwork
from unroll.training.adaptive_softmax import cutoffs, narrowed


def operations(
    network: BagNetwork | RecurrentNetwork, scores: int, vector_size: int | None = None
) -> Operations:
    """Count the matrix products, as papers do: what is done element by element is left out.

    `scores` are the classes, or for next words the entries of the vocabulary. Looking up a vector is
    no operation, and padding is never counted. A next-word network scores after every token, so that
    a text's last token, behind which there is no word to predict, is counted too.

    Raises:
        ValueError: the network reads pretrained vectors, but `vector_size`, which their files alone
            decide, is not given.
    """
    inputs = _inputs(network, vector_size)
    if not isinstance(network, RecurrentNetwork):
        return _classified(network, inputs, 0, scores)
    features, encoder = _features(network), _encoder(network, inputs)
    if network.task == "next_word":
        return Operations(token=encoder + 2 * features * scores, row=0)
    return _classified(network, features, encoder, scores)


def of_pretraining(
    network: RecurrentNetwork, counts: Sequence[int], vector_size: int | None = None
) -> Operations:
    """Count the matrix products of a forward pass of pretraining.

    `counts` says how often the texts have each word of the vocabulary, in the order of the ids: what a
    word costs goes by the part of the adaptive softmax that it is in. Each direction is taken to predict a
    word for every token.

    Raises:
        ValueError: as `operations` does.
    """
    first, *_ = ends = cutoffs(len(counts))
    softmax = float(2 * network.hidden * (first + len(ends) - 1))
    for tail, (start, end) in enumerate(pairwise(ends), start=1):
        fewer = narrowed(network.hidden, tail)
        share = sum(counts[start:end]) / max(1, sum(counts))
        softmax += share * 2 * fewer * (network.hidden + end - start)
    directions = _features(network) // network.hidden
    encoder = _encoder(network, _inputs(network, vector_size))
    return Operations(token=round(encoder + directions * softmax), row=0)


def _inputs(network: BagNetwork | RecurrentNetwork, vector_size: int | None) -> int:
    if vector_size is None and network.embedding.vectors:
        raise ValueError("the size of pretrained vectors is needed")
    return network.embedding.components if vector_size is None else vector_size


def _features(network: RecurrentNetwork) -> int:
    return network.hidden * (2 if network.bidirectional else 1)


def _encoder(network: RecurrentNetwork, inputs: int) -> int:
    """Count those of one token. Each layer reads its inputs and, in each direction, that direction's own
    state."""
    features, gates = _features(network), CELLS[network.cell].gates
    sizes = [inputs] + [features] * (network.layers - 1)
    return sum(2 * gates * features * (size + network.hidden) for size in sizes)


def _classified(
    network: BagNetwork | RecurrentNetwork, features: int, encoder: int, classes: int
) -> Operations:
    parts = network.pooling.split("+")
    attention = 0
    if "attention" in parts:
        units = network.attention_size or features
        attention = 2 * features * units + 2 * units  # the keys, and their products with the one query
    return Operations(token=encoder + attention, row=2 * len(parts) * features * classes)
