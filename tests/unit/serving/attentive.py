"""The bundled captioner with an attention of our own making, so that no test has to train one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mezzetin.bundle import Bundle, reseal


def attentive_bundle(source: Path, folder: Path) -> Path:
    """Copy a bundle and give its decoder a second output: attention that depends on the picture and the word before."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'mezzetin[train]'")
    shutil.copytree(source, folder, dirs_exist_ok=True)
    model = onnx.load(str(folder / "decoder.onnx"), load_external_data=False)
    helper, kinds = onnx.helper, onnx.TensorProto
    axes = {"look_layers": [1], "look_cells": [1], "look_beams": [1], "look_token_axes": [2, 3], "look_axis": [-1]}
    for name, values in axes.items():
        model.graph.initializer.append(helper.make_tensor(name, kinds.INT64, [len(values)], values))
    # How a cell of the memory [B, layers, P, C] differs from the mean cell, in waves that turn with the word [B, K].
    for kind, inputs, output, options in (
        ("ReduceMean", ["memory", "look_layers"], "look_memory", {"keepdims": 0}),
        ("ReduceMean", ["look_memory", "look_cells"], "look_usual", {"keepdims": 1}),
        ("Sub", ["look_memory", "look_usual"], "look_unusual", {}),
        ("Unsqueeze", ["look_unusual", "look_beams"], "look_shared", {}),
        ("Cast", ["token"], "look_token", {"to": kinds.FLOAT}),
        ("Unsqueeze", ["look_token", "look_token_axes"], "look_number", {}),
        ("Mul", ["look_number", "look_shared"], "look_turned", {}),
        ("Sin", ["look_turned"], "look_waves", {}),
        ("ReduceMean", ["look_waves", "look_axis"], "look_mean", {"keepdims": 0}),
        ("Mul", ["look_mean", "look_strength"], "look_logits", {}),
        ("Softmax", ["look_logits"], "attention", {"axis": -1}),
    ):
        model.graph.node.append(helper.make_node(kind, inputs, [output], **options))
    model.graph.initializer.append(helper.make_tensor("look_strength", kinds.FLOAT, [1], [400.0]))
    model.graph.output.append(helper.make_tensor_value_info("attention", kinds.FLOAT, None))
    (folder / "decoder.onnx").write_bytes(model.SerializeToString())
    manifest = Bundle.open(source).manifest
    side = round(manifest["encoder"]["positions"] ** 0.5)
    reseal(folder, {**manifest, "decoder": {**manifest["decoder"], "grid": [side, side]}})
    return folder
