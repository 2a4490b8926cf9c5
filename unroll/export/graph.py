"""An ONNX graph in the making: nodes by their operator, weights as they are or in int8.

In int8 each row of a matrix, which is one word's vector or one output's weights, has a scale of its own:
its largest weight is 127 of them. The graph itself multiplies by the scales, so that all that is computed
is computed in float32.

Axes: R rows of a matrix, I columns, N places where a row is looked up.
"""

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

OPSET, FORMAT = 17, 8
"""Of 2022, so that older runtimes read the file too; no operator here has become better since."""
LARGEST = 127
"""-128 has no opposite."""

Name = str
"""Of what a node computes, or of a weight."""


class Graph:
    def __init__(self, int8: bool) -> None:
        self.int8 = int8
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def add(self, operator: str, *inputs: Name, **attributes: object) -> Name:
        """Return the name of what a new node computes."""
        return self.add_several(operator, 1, *inputs, **attributes)[0]

    def add_several(self, operator: str, outputs: int, *inputs: Name, **attributes: object) -> list[Name]:
        """Return the names of the first outputs of a new node; "" stands for an input that it lacks."""
        name = f"{operator}_{len(self.nodes)}"
        names = [f"{name}.{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, name, **attributes))
        return names

    def constant(self, values: np.ndarray, name: Name | None = None) -> Name:
        name = name or f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, *values: int) -> Name:
        return self.constant(np.array(values, dtype=np.int64))

    def matrix(self, weight: np.ndarray, name: Name) -> Name:
        """Return a weight; all its axes but the last are rows."""
        if not self.int8:
            return self.constant(weight, name)
        weight_RI, scale_R = quantised(weight.reshape(-1, weight.shape[-1]))
        parts = self.constant(weight_RI, name), self.constant(scale_R, f"{name}.scale")
        restored = self.add("DequantizeLinear", *parts, axis=0)
        return restored if weight.ndim == 2 else self.add("Reshape", restored, self.integers(*weight.shape))

    def rows(self, table_RI: np.ndarray, name: Name, places_N: Name) -> Name:
        """Return the rows (N, I) of a table that stand at some places.

        Looked up before they are made float32: the table stays as small in memory as it is in the file.
        """
        if not self.int8:
            return self.add("Gather", self.constant(table_RI, name), places_N)
        table_RI, scale_R = quantised(table_RI)
        found_NI = self.add("Gather", self.constant(table_RI, name), places_N)
        scale_N = self.add("Gather", self.constant(scale_R, f"{name}.scale"), places_N)
        return self.add("DequantizeLinear", found_NI, scale_N, axis=0)

    def linear(self, states: Name, weight: np.ndarray, bias: np.ndarray | None, name: Name) -> Name:
        """Return what torch's linear layer makes of the last axis of the states."""
        product = self.add("MatMul", states, self.add("Transpose", self.matrix(weight, f"{name}.weight")))
        return product if bias is None else self.add("Add", product, self.constant(bias, f"{name}.bias"))

    def model(
        self, inputs: list[ValueInfoProto], output: ValueInfoProto, computed: Name, name: str
    ) -> onnx.ModelProto:
        """Return the whole, checked: `output` is what has been computed under another name.

        Raises:
            onnx.checker.ValidationError, onnx.shape_inference.InferenceError: it is no valid model.
        """
        self.nodes.append(helper.make_node("Identity", [computed], [output.name], "answer"))
        made = helper.make_model(
            helper.make_graph(self.nodes, name, inputs, [output], self.weights),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=FORMAT,
            producer_name="unroll",
        )
        onnx.checker.check_model(made, full_check=True)
        return made


def quantised(weight_RI: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a matrix in int8 and the scale of each row: their product is off by half a scale at most."""
    scale_R = np.abs(weight_RI).max(axis=1) / np.float32(LARGEST)
    scale_R[scale_R == 0] = 1  # of a row of zeros, as padding has one
    return np.rint(weight_RI / scale_R[:, np.newaxis]).astype(np.int8), scale_R
