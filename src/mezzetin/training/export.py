"""A trained model as two ONNX graphs over one weights file.

Enters: a `CaptionModel`. Leaves: `encoder.onnx`, `decoder.onnx` and `weights.safetensors`. A safetensors file is
raw tensors behind a header, so the graphs point into it (ONNX external data): every weight is stored once, in half
precision, torch reads it by name and ONNX Runtime by offset. A Cast behind each weight brings it to float32; ONNX
Runtime folds it away when it loads the graph.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from safetensors.torch import save_file
from torch import Tensor, nn

from mezzetin.bundle import WEIGHTS
from mezzetin.training.model import CaptionModel
from mezzetin.training.tracing import graphs_of

HALF_FROM = 256
"""Tensors with fewer numbers stay in float32: they cost nothing and are often scales."""


def export_graphs(model: CaptionModel, folder: Path, extra: Mapping[str, NDArray[np.float32]]) -> None:
    """Write both graphs and the weights; `extra` arrays are stored beside the weights under their names.

    Raises:
        RecipeError: torch has no ONNX for something that the encoder does.
        EnvironmentProblem: this version of torch names weights otherwise than we know.

    """
    encoder, decoder = graphs_of(model.eval())
    tensors = {name: _stored(tensor) for name, tensor in model.state_dict().items()}
    tensors |= {name: _stored(torch.from_numpy(array)) for name, array in extra.items()}
    save_file(tensors, folder / WEIGHTS)
    # safetensors makes files that only their owner can read.
    (folder / WEIGHTS).chmod(0o644)
    places = _places(folder / WEIGHTS)
    for name, graph in (("encoder.onnx", encoder), ("decoder.onnx", decoder)):
        _refer(graph, places)
        (folder / name).write_bytes(graph.SerializeToString(deterministic=True))


@torch.no_grad()
def round_weights(model: nn.Module) -> None:
    """Round the weights in place to what a bundle stores, so that what is judged is what is shipped."""
    for tensor in model.state_dict().values():
        tensor.copy_(_stored(tensor))


def _stored(tensor: Tensor) -> Tensor:
    small = tensor.numel() < HALF_FROM or not tensor.is_floating_point()
    return tensor.detach().clone().contiguous() if small else tensor.detach().half().contiguous()


def _places(path: Path) -> dict[str, tuple[str, int, int]]:
    """Name -> dtype, offset and length in bytes of each tensor in a safetensors file."""
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    return {
        name: (
            entry["dtype"],
            8 + length + entry["data_offsets"][0],
            entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _refer(graph: onnx.ModelProto, places: Mapping[str, tuple[str, int, int]]) -> None:
    """Say of every initialiser whose data is elsewhere where in the weights file that is."""
    casts = []
    for tensor in graph.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        dtype, offset, length = places[tensor.name]
        for key, value in (("location", WEIGHTS), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        if dtype == "F16":
            tensor.data_type = TensorProto.FLOAT16
            half = f"{tensor.name}.half"
            casts.append(helper.make_node("Cast", [half], [tensor.name], to=TensorProto.FLOAT))
            tensor.name = half
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
