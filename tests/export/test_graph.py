"""Weights in int8 are off by half a scale at most, row by row."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from unroll.export.graph import Graph, quantised


def test_no_weight_is_off_by_more_than_half_the_scale_of_its_row():
    weight_RI = np.random.default_rng(1).normal(size=(50, 30)).astype(np.float32)
    weight_RI *= np.logspace(-6, 3, 50, dtype=np.float32)[:, np.newaxis]
    found_RI, scale_R = quantised(weight_RI)
    assert found_RI.dtype == np.int8 and scale_R.dtype == np.float32
    off_RI = np.abs(found_RI * scale_R[:, np.newaxis] - weight_RI)
    assert (off_RI <= 0.5001 * scale_R[:, np.newaxis]).all()


def test_the_largest_weight_of_each_row_is_127_either_way():
    found_RI, scale_R = quantised(np.array([[1.0, -2.0], [-254.0, 3.0], [5.0, 1.0]], dtype=np.float32))
    assert found_RI.tolist() == [[64, -127], [-127, 2], [127, 25]]
    assert scale_R.tolist() == pytest.approx([2 / 127, 2.0, 5 / 127])


def test_a_row_of_zeros_stays_one():
    found_RI, scale_R = quantised(np.zeros((2, 3), dtype=np.float32))
    assert not found_RI.any() and np.isfinite(scale_R).all()


def test_a_graph_that_is_none_is_not_made():
    graph = Graph(int8=False)
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["B"])
    with pytest.raises(onnx.checker.ValidationError, match="nowhere"):
        graph.model([], answer, graph.add("Relu", "nowhere"), "wrong")
