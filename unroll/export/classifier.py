"""A network's lines of params.yaml and the weights of its seeds -> one ONNX model of what they say together.

Inputs tokens_BL (int64, padded on the right with 0) and lengths_B (int64, 1 at least); output
probabilities_BC (float32), the mean over the seeds.

Axes: L steps, B rows in the batch, N = L x B, E components of a word vector, F features of a row, A units
of the attention, C classes.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import onnx
from onnx import TensorProto, helper

from unroll.export.graph import Graph, Name
from unroll.export.layers import States, Weights, encoder
from unroll.networks.spec import BagNetwork, RecurrentNetwork

TOKENS, LENGTHS, PROBABILITIES = "tokens_BL", "lengths_B", "probabilities_BC"


def model(
    network: BagNetwork | RecurrentNetwork, seeds: Mapping[int, Weights], name: str, int8: bool = False
) -> onnx.ModelProto:
    """Return the model of some seeds of a classifier, its weights in float32 or int8."""
    graph = Graph(int8)
    rows = Rows(graph)
    each_BC = [_probabilities(graph, network, weights, rows, f"{seed}/") for seed, weights in seeds.items()]
    together_BC = each_BC[0] if len(each_BC) == 1 else graph.add("Mean", *each_BC)
    classes = len(next(iter(seeds.values()))["head.linear.bias"])
    return graph.model(
        [
            helper.make_tensor_value_info(TOKENS, TensorProto.INT64, ["B", "L"]),
            helper.make_tensor_value_info(LENGTHS, TensorProto.INT64, ["B"]),
        ],
        helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["B", classes]),
        together_BC,
        name,
    )


class Rows:
    """The rows of a batch, a step after the other as ONNX's recurrent operators want them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        tokens_LB = graph.add("Transpose", TOKENS)
        self.tokens_N = graph.add("Reshape", tokens_LB, graph.integers(-1))
        self.shape_LB = graph.add("Shape", tokens_LB)
        self.lengths_B = graph.add("Cast", LENGTHS, to=TensorProto.INT32)

    @cached_property
    def padded_LB1(self) -> Name:
        """What is true behind a row's last word."""
        graph = self.graph
        first, step = (graph.constant(np.array(value)) for value in (0, 1))
        steps = graph.add("Squeeze", graph.add("Shape", TOKENS, start=1, end=2))
        steps_L11 = graph.add("Unsqueeze", graph.add("Range", first, steps, step), graph.integers(1, 2))
        return graph.add("GreaterOrEqual", steps_L11, graph.add("Unsqueeze", LENGTHS, graph.integers(1)))

    @cached_property
    def lengths_B1(self) -> Name:
        lengths_B = self.graph.add("Cast", LENGTHS, to=TensorProto.FLOAT)
        return self.graph.add("Unsqueeze", lengths_B, self.graph.integers(1))

    def without_padding(self, states_LBF: Name, instead: float) -> Name:
        other = self.graph.constant(np.array(instead, dtype=np.float32))
        return self.graph.add("Where", self.padded_LB1, other, states_LBF)


def _probabilities(
    graph: Graph, network: BagNetwork | RecurrentNetwork, weights: Weights, rows: Rows, place: str
) -> Name:
    vectors_NE = graph.rows(weights["embedding.weight"], f"{place}embedding", rows.tokens_N)
    shape_LBE = graph.add("Concat", rows.shape_LB, graph.integers(-1), axis=0)
    states = States(graph.add("Reshape", vectors_NE, shape_LBE), "")
    if isinstance(network, RecurrentNetwork):
        states = encoder(graph, network, weights, states.each_LBF, rows.lengths_B, place)
    parts = [_pooled(graph, part, weights, states, rows, place) for part in network.pooling.split("+")]
    features_BF = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
    if network.head == "relu":
        features_BF = graph.add("Relu", features_BF)
    scores_BC = _linear(graph, weights, "head.linear", features_BF, place)
    return graph.add("Softmax", scores_BC, axis=1)


def _pooled(graph: Graph, part: str, weights: Weights, states: States, rows: Rows, place: str) -> Name:
    if part == "last":
        return states.last_BF
    if part == "max":
        return graph.add("ReduceMax", rows.without_padding(states.each_LBF, -np.inf), axes=[0], keepdims=0)
    if part == "mean":
        return graph.add("Div", _sum(graph, rows.without_padding(states.each_LBF, 0.0)), rows.lengths_B1)
    keys_LBA = graph.add("Tanh", _linear(graph, weights, "pooling.attention.key", states.each_LBF, place))
    answers_LB1 = _linear(graph, weights, "pooling.attention.query", keys_LBA, place)
    shares_LB1 = graph.add("Softmax", rows.without_padding(answers_LB1, -np.inf), axis=0)
    return _sum(graph, graph.add("Mul", shares_LB1, rows.without_padding(states.each_LBF, 0.0)))


def _sum(graph: Graph, states_LBF: Name) -> Name:
    return graph.add("ReduceSum", states_LBF, graph.integers(0), keepdims=0)


def _linear(graph: Graph, weights: Weights, layer: str, states: Name, place: str) -> Name:
    bias = weights.get(f"{layer}.bias")
    return graph.linear(states, weights[f"{layer}.weight"], bias, f"{place}{layer}")
