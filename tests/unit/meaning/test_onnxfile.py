"""The ONNX files that are written here are what the format's own package reads, and what ONNX Runtime computes with."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.meaning.onnxfile import FLOAT, INT64, Graph


@given(
    whole=st.integers(-(2**63), 2**63 - 1),
    real=st.floats(width=32, allow_nan=False),
    many=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5),
    name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
)
def test_attributes_are_read_as_they_were_written(whole: int, real: float, many: list[int], name: str) -> None:
    graph = Graph(name)
    graph.node("Anything", ["in"], "out", whole=whole, real=real, many=many)
    (node,) = onnx.load_from_string(graph.to_bytes()).graph.node
    found = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    assert found == {"whole": whole, "real": real, "many": many}


def test_a_graph_with_a_weight_from_outside_computes() -> None:
    graph = Graph("line")
    graph.takes("x", FLOAT, ("B", 2))
    graph.gives("y", FLOAT, ("B", 2))
    scaled = graph.add("Mul", "x", graph.weight("w", (2,)))
    graph.node("Add", [scaled, graph.constant("shift", np.array([1, -1], np.float32))], "y")
    content = graph.to_bytes()
    model = onnx.load_from_string(content)
    assert [one.name for one in model.graph.input] == ["x"] and model.graph.input[0].type.tensor_type.elem_type == FLOAT
    assert [axis.dim_param or axis.dim_value for axis in model.graph.output[0].type.tensor_type.shape.dim] == ["B", 2]
    options = onnxruntime.SessionOptions()
    weight = np.array([2, 3], np.float32)
    options.add_external_initializers(["w"], [onnxruntime.OrtValue.ortvalue_from_numpy(weight)])
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (found,) = session.run(["y"], {"x": np.array([[10, 10], [0, 1]], np.float32)})
    assert found.tolist() == [[21, 29], [1, 2]]


@pytest.mark.parametrize("numbers", [[0], [1, -1], [2**40, -(2**40)]])
def test_constants_of_whole_numbers_are_kept(numbers: list[int]) -> None:
    graph = Graph("constants")
    graph.constant("c", np.array(numbers, np.int64))
    (found,) = onnx.load_from_string(graph.to_bytes()).graph.initializer
    assert found.data_type == INT64 and onnx.numpy_helper.to_array(found).tolist() == numbers
