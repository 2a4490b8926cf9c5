"""Recurrent layers as ONNX's own operators, with torch's weights in their order.

ONNX's `sequence_lens` have each row read to its own last word, and backward from there, so that its
states do not depend on what stands beside it.

Axes: L steps, B rows in the batch, D directions, I components of the input, H units of one direction, G
gates, F = D x H, S parts of a state.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from unroll.export.graph import Graph, Name
from unroll.networks.spec import RecurrentNetwork

Weights = Mapping[str, np.ndarray]
"""By the names that they have in weights.safetensors."""


class Operator(NamedTuple):
    name: str
    gates: tuple[int, ...]
    """Which of torch's gates stands at each place of ONNX's."""
    attributes: dict[str, int]


OPERATORS = {
    "elman": Operator("RNN", (0,), {}),
    # i, f, g, o -> i, o, f, c
    "lstm": Operator("LSTM", (0, 3, 1, 2), {}),
    # r, z, n -> z, r, h; the reset gate comes after the product and its bias, as in cuDNN
    "gru": Operator("GRU", (1, 0, 2), {"linear_before_reset": 1}),
}


class States(NamedTuple):
    each_LBF: Name
    last_BF: Name
    """After a row's last word and, of the backward direction, after its first."""


def encoder(
    graph: Graph, network: RecurrentNetwork, weights: Weights, input_LBI: Name, lengths_B: Name, place: str
) -> States:
    """Return the states of the top layer; `place` is a prefix of the weights' names in the graph."""
    states = States(input_LBI, "")
    for depth in range(network.layers):
        states = _layer(graph, network, weights, states.each_LBF, lengths_B, place, depth)
    return states


def _layer(
    graph: Graph,
    network: RecurrentNetwork,
    weights: Weights,
    input_LBI: Name,
    lengths_B: Name,
    place: str,
    depth: int,
) -> States:
    operator, name = OPERATORS[network.cell], f"encoder.layers.{depth}"
    directions = [f"{name}.{direction}" for direction in range(2 if network.bidirectional else 1)]
    stacked = {
        part: np.stack([_by_gate(weights[f"{one}.cell.{part}_l0"], operator) for one in directions])
        for part in ("weight_ih", "weight_hh", "bias_hh")
    }
    if network.input_bias:
        bias_ih = np.stack([_by_gate(weights[f"{one}.cell.bias_ih_l0"], operator) for one in directions])
    else:
        bias_ih = np.zeros_like(stacked["bias_hh"])
    states_LDBH, last_DBH = graph.add_several(
        operator.name,
        2,
        input_LBI,
        graph.matrix(stacked["weight_ih"], f"{place}{name}.weight_ih"),
        graph.matrix(stacked["weight_hh"], f"{place}{name}.weight_hh"),
        graph.constant(np.concatenate([bias_ih, stacked["bias_hh"]], axis=1), f"{place}{name}.bias"),
        lengths_B,
        *_initial(graph, network, weights, directions, input_LBI, f"{place}{name}"),
        hidden_size=network.hidden,
        direction="bidirectional" if network.bidirectional else "forward",
        **operator.attributes,
        **_functions(network, len(directions)),
    )
    states_LBDH = graph.add("Transpose", states_LDBH, perm=[0, 2, 1, 3])
    last_BDH = graph.add("Transpose", last_DBH, perm=[1, 0, 2])
    return States(
        graph.add("Reshape", states_LBDH, graph.integers(0, 0, -1)),
        graph.add("Reshape", last_BDH, graph.integers(0, -1)),
    )


def _by_gate(weight: np.ndarray, operator: Operator) -> np.ndarray:
    """Return a weight or bias of torch's with its gates in ONNX's order."""
    gates = weight.reshape(len(operator.gates), -1, *weight.shape[1:])
    return gates[list(operator.gates)].reshape(weight.shape)


def _initial(
    graph: Graph, network: RecurrentNetwork, weights: Weights, directions: list[str], like: Name, name: str
) -> list[Name]:
    """Return each part of the first state for all rows of a batch; none where it is zeros.

    So it is for `normal`, too: drawn in training, it is its mean in scoring.
    """
    if network.initial_state != "learned":
        return []
    rows = graph.add("Shape", like, start=1, end=2)
    shape_1B1 = graph.add("Concat", graph.integers(1), rows, graph.integers(1), axis=0)
    initial_SDH = np.stack([weights[f"{one}.initial"] for one in directions], axis=1)
    return [
        graph.add("Expand", graph.constant(part_DH[:, np.newaxis], f"{name}.initial.{part}"), shape_1B1)
        for part, part_DH in enumerate(initial_SDH)
    ]


def _functions(network: RecurrentNetwork, directions: int) -> dict[str, list[str]]:
    return {"activations": ["Relu"] * directions} if network.nonlinearity == "relu" else {}
