"""A trained model as two ONNX graphs over one weights file.

Enters: a `CaptionModel`. Leaves: `encoder.onnx`, `decoder.onnx` and `weights.safetensors`. A safetensors file is
raw tensors behind a header, so the graphs point into it (ONNX external data): every weight is stored once, in half
precision, torch reads it by name and ONNX Runtime by offset. A Cast behind each weight brings it to float32; ONNX
Runtime folds it away when it loads the graph.
"""

from __future__ import annotations

import json
import logging
import math
import struct
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnx_ir
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxscript.optimizer import fold_constants_ir, optimize_ir
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.export import Dim

from mezzetin.bundle import WEIGHTS
from mezzetin.errors import EnvironmentProblem, RecipeError
from mezzetin.training.model import CaptionModel

OPSET = 20
LARGEST_CONSTANT = 64
"""Numbers of a constant that the exporter may put into a graph beside the weights."""
HALF_FROM = 256
"""Tensors with fewer numbers stay in float32: they cost nothing and are often scales."""


class EncoderGraph(nn.Module):
    """`pixels_BHW3 -> memory_B..., gist_BC`; the gist, the mean feature, is what `unlike_training` looks at."""

    def __init__(self, model: CaptionModel) -> None:
        super().__init__()
        self.encoder, self.decoder = model.encoder, model.decoder

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Look."""
        features = self.encoder(pixels)
        return self.decoder.remember(features), features.mean(1)


class DecoderGraph(nn.Module):
    """`token_BK, state_BK..., memory_B... -> log_probabilities_BKV, state_BK...[, attention_BKP]`."""

    def __init__(self, model: CaptionModel) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(self, token: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, ...]:
        """Add a word."""
        return self.decoder.step(token, state, memory)


def export_graphs(model: CaptionModel, folder: Path, extra: Mapping[str, NDArray[np.float32]]) -> None:
    """Write both graphs and the weights; `extra` arrays are stored beside the weights under their names.

    Raises:
        RecipeError: torch has no ONNX for something that the encoder does.
        EnvironmentProblem: this version of torch names weights otherwise than we know.

    """
    model = model.eval()
    side = model.encoder.spec.preprocessing
    pixels = torch.zeros(2, side.height, side.width, 3, dtype=torch.uint8)
    with torch.no_grad():
        memory, _ = EncoderGraph(model)(pixels)
    start = model.decoder.start_shape
    state = torch.zeros(2, 3, *(length or 5 for length in start))
    images, beams, past = Dim("images", max=4096), Dim("beams", max=64), Dim("past", max=62)
    grows = {axis: past for axis, length in enumerate(start, 2) if length == 0}
    encoder = _trace(EncoderGraph(model), (pixels,), ({0: images},), ["pixels"], ["memory", "gist"])
    decoder = _trace(
        DecoderGraph(model),
        (torch.zeros(2, 3, dtype=torch.int64), state, memory),
        ({0: images, 1: beams}, {0: images, 1: beams, **grows}, {0: images}),
        ["token", "state", "memory"],
        ["log_probabilities", "next_state", "attention"][: 2 + model.decoder.attends],
    )
    tensors = {name: _stored(tensor) for name, tensor in model.state_dict().items()}
    tensors |= {name: _stored(torch.from_numpy(array)) for name, array in extra.items()}
    save_file(tensors, folder / WEIGHTS)
    # safetensors makes files that only their owner can read.
    (folder / WEIGHTS).chmod(0o644)
    places = _places(folder / WEIGHTS)
    computed = {name for name, _ in model.named_buffers()} - tensors.keys()
    for name, graph in (("encoder.onnx", encoder), ("decoder.onnx", decoder)):
        _refer(graph, places, tensors, computed)
        _forget_origin(graph)
        (folder / name).write_bytes(graph.SerializeToString(deterministic=True))


def _trace(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    dynamic: Sequence[Mapping[int, Any]],
    input_names: list[str],
    output_names: list[str],
) -> onnx.ModelProto:
    with warnings.catch_warnings():
        # The exporter warns of its own internals (deprecated copyreg use, axis names); none concerns the graph.
        warnings.simplefilter("ignore")
        logging.getLogger("onnxscript").setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(
                module.eval(),
                inputs,
                dynamo=True,
                optimize=False,
                opset_version=OPSET,
                input_names=input_names,
                output_names=output_names,
                dynamic_shapes=tuple(dict(axes) for axes in dynamic),
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise RecipeError("torch can't export this encoder to ONNX: choose another in the recipe") from error
        model = cast(torch.onnx.ONNXProgram, program).model
        _simplify(model)
    return onnx_ir.to_proto(model)


def _simplify(model: onnx_ir.Model) -> None:
    """Fold the exporter's small constants, so that ONNX Runtime sees its patterns.

    Folding larger ones would copy transposed weights into the graph. Where norms are left, the optimiser would fuse
    them into the convolutions before them, under the names of weights that the file holds as they were.
    """
    limits: dict[str, Any] = {
        "input_size_limit": LARGEST_CONSTANT,
        "output_size_limit": LARGEST_CONSTANT,
        "should_fold": _keep_transposes,
    }
    if any(node.op_type == "BatchNormalization" for node in model.graph):
        fold_constants_ir(model, **limits)
        RemoveUnusedNodesPass()(model)
    else:
        optimize_ir(model, **limits)


def _keep_transposes(node: onnx_ir.Node) -> bool | None:
    return False if node.op_type == "Transpose" else None


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


def _refer(
    graph: onnx.ModelProto,
    places: Mapping[str, tuple[str, int, int]],
    stored: Mapping[str, Tensor],
    computed: Collection[str],
) -> None:
    """Replace the data of every initialiser that the weights file holds by a reference into that file.

    `computed` are tables that a model makes anew, such as those of relative positions: they are in no weights file.
    """
    casts = []
    for tensor in graph.graph.initializer:
        if tensor.name not in places or not _holds(tensor, stored[tensor.name]):
            if tensor.name not in computed and math.prod(tensor.dims) > LARGEST_CONSTANT:
                raise EnvironmentProblem(
                    f"this version of torch exports {tensor.name!r}, which is no weight of the model: use another"
                )
            continue
        dtype, offset, length = places[tensor.name]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        del tensor.external_data[:]
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


def _holds(initialiser: TensorProto, stored: Tensor) -> bool:
    """Whether the graph's weight is the file's, and not another that an optimiser put there under its name."""
    own, expected = numpy_helper.to_array(initialiser), stored.numpy()
    return own.shape == expected.shape and bool((own.astype(expected.dtype) == expected).all())


def _forget_origin(graph: onnx.ModelProto) -> None:
    """Drop stack traces and paths of the machine that exported: a digest is of content."""
    graph.producer_name, graph.producer_version, graph.doc_string = "mezzetin", "", ""
    del graph.metadata_props[:]
    parts: list[Any] = [graph.graph, *graph.graph.node, *graph.graph.input, *graph.graph.output]
    parts += [*graph.graph.value_info, *graph.graph.initializer, *graph.functions]
    for part in parts:
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
