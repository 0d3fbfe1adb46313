"""Weights that an ONNX file has elsewhere are seen, by reading nothing but the lengths of its fields."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from sensorium.encoders.foreign_weights import has_foreign_weights
from sensorium.testing.bundles import tiny_bundle


def test_weights_of_other_files_are_seen_wherever_a_graph_may_have_them(tmp_path):
    """In a constant, and in a branch of a condition."""
    value = onnx.numpy_helper.from_array(np.ones((2, 2), np.float32), "value")
    far = onnx.TensorProto.FromString(value.SerializeToString())
    far.ClearField("raw_data")
    far.data_location = onnx.TensorProto.EXTERNAL
    far.external_data.add(key="location", value="weights.bin")

    def constant(tensor):
        return helper.make_node("Constant", [], ["made"], value=tensor)

    def graph(*nodes, weights=()):
        return helper.make_graph(list(nodes), "g", [], [], list(weights))

    def branch(tensor):
        return helper.make_node("If", ["c"], ["made"], then_branch=graph(constant(value)), else_branch=tensor)

    for made, foreign in (
        (graph(constant(value), weights=[value]), False),
        (graph(weights=[value, far]), True),
        (graph(constant(far)), True),
        (graph(branch(graph(constant(value)))), False),
        (graph(branch(graph(constant(far)))), True),
    ):
        (tmp_path / "g.onnx").write_bytes(helper.make_model(made).SerializeToString())
        assert has_foreign_weights(tmp_path / "g.onnx") is foreign


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"\x3a\xff\xff\x03", b"\x07", b"\xff" * 99, b"\x3a\x02\x2a\x09", b"{}"]
)
def test_what_is_no_graph_has_no_weights(tmp_path, content):
    (tmp_path / "g.onnx").write_bytes(content)
    assert has_foreign_weights(tmp_path / "g.onnx") is False


def test_the_tiny_towers_have_all_they_need(tmp_path):
    for tower in tiny_bundle(tmp_path / "tiny").glob("*.onnx"):
        assert has_foreign_weights(tower) is False
