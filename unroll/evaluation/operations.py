"""A network's lines in params.yaml -> the operations of its forward pass, counted by formula."""

from unroll.evaluation.cost import Operations
from unroll.networks.cells import CELLS
from unroll.networks.spec import BagNetwork, RecurrentNetwork


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
    if vector_size is None and network.embedding.vectors:
        raise ValueError("the size of pretrained vectors is needed")
    inputs = network.embedding.components if vector_size is None else vector_size
    if not isinstance(network, RecurrentNetwork):
        return _classified(network, inputs, 0, scores)
    features = network.hidden * (2 if network.bidirectional else 1)
    gates = CELLS[network.cell].gates
    # Each layer reads its inputs and, in each direction, that direction's own state.
    sizes = [inputs] + [features] * (network.layers - 1)
    encoder = sum(2 * gates * features * (size + network.hidden) for size in sizes)
    if network.task == "next_word":
        return Operations(token=encoder + 2 * features * scores, row=0)
    return _classified(network, features, encoder, scores)


def _classified(
    network: BagNetwork | RecurrentNetwork, features: int, encoder: int, classes: int
) -> Operations:
    parts = network.pooling.split("+")
    attention = 0
    if "attention" in parts:
        units = network.attention_size or features
        attention = 2 * features * units + 2 * units  # the keys, and their products with the one query
    return Operations(token=encoder + attention, row=2 * len(parts) * features * classes)
