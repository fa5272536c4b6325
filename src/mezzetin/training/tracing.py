"""The two ONNX graphs of a model, without its weights.

Enters: a `CaptionModel`. Leaves: the graphs of its encoder and its decoder, whose weights are names and shapes. torch
takes seconds for a graph, which depends on how a model is built and not on what it has learned: models that are built
alike, such as those of a sweep's trials or of a run's stages, share theirs.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import onnx
import onnx_ir
import torch
from onnx import numpy_helper
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxscript.optimizer import fold_constants_ir, optimize_ir
from torch import Tensor, nn
from torch.export import Dim

from mezzetin.errors import EnvironmentProblem, RecipeError
from mezzetin.training.model import CaptionModel

Graphs = tuple[onnx.ModelProto, onnx.ModelProto]

OPSET = 20
LARGEST_CONSTANT = 64
"""Numbers of a constant that the exporter may put into a graph beside the weights."""
KEPT = 4
"""Pairs of graphs that are kept for further models: some hundred kilobytes each."""
_traced: dict[str, Graphs] = {}


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


def graphs_of(model: CaptionModel) -> Graphs:
    """Graphs of encoder and decoder, the caller's own; weights are initialisers whose data is elsewhere.

    Raises:
        RecipeError: torch has no ONNX for something that the encoder does.
        EnvironmentProblem: this version of torch names weights otherwise than we know.

    """
    key = _structure(model)
    if key not in _traced:
        for oldest in list(_traced)[: 1 - KEPT]:
            del _traced[oldest]
        _traced[key] = _graphs(_stand_in(model))
    encoder, decoder = _traced[key]
    return copy.deepcopy(encoder), copy.deepcopy(decoder)


def _structure(model: CaptionModel) -> str:
    """Digest of how a model is built: modules and their settings, shapes of its weights, tables that it computes."""
    plain = (int, float, str, tuple, type(None))
    parts: list[Any] = [repr(model), model.encoder.spec.to_json(), model.decoder.start_shape]
    for name, module in model.named_modules():
        own = {key: value for key, value in vars(module).items() if isinstance(value, plain) and key != "training"}
        parts.append((name, type(module).__qualname__, sorted(own.items())))
    weights = model.state_dict()
    parts += [(name, tuple(tensor.shape), str(tensor.dtype)) for name, tensor in weights.items()]
    tables = [(name, table) for name, table in model.named_buffers() if name not in weights]
    parts += [(name, hashlib.sha256(table.detach().cpu().numpy().tobytes()).hexdigest()) for name, table in tables]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _stand_in(model: CaptionModel) -> CaptionModel:
    """The same model with weights of which no two are alike.

    The optimiser leaves out what is zero and merges what is equal, which other weights of this model may not be.
    """
    alike = copy.deepcopy(model).eval()
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in alike.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5, generator=random)
    for module in alike.modules():
        # The exporter takes twice as long to undo what overwrites its input.
        if getattr(module, "inplace", False) is True:
            cast(Any, module).inplace = False
    return alike


def _graphs(model: CaptionModel) -> Graphs:
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
    weights = model.state_dict()
    computed = {name for name, _ in model.named_buffers()} - weights.keys()
    for graph in (encoder, decoder):
        _empty(graph, weights, computed)
        _forget_origin(graph)
    return encoder, decoder


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
        _simplify(model, {name for name, _ in module.named_parameters()} | set(module.state_dict()))
    return onnx_ir.to_proto(model)


def _simplify(model: onnx_ir.Model, weights: Collection[str]) -> None:
    """Fold the exporter's small constants, so that ONNX Runtime sees its patterns.

    Folding larger ones would copy transposed weights into the graph. Where norms are left, the optimiser would fuse
    them into the convolutions before them, under the names of weights that the file holds as they were.
    """

    def foldable(node: onnx_ir.Node) -> bool | None:
        of_weights = any(value is not None and value.name in weights for value in node.inputs)
        return False if of_weights or node.op_type == "Transpose" else None

    limits: dict[str, Any] = {
        "input_size_limit": LARGEST_CONSTANT,
        "output_size_limit": LARGEST_CONSTANT,
        "should_fold": foldable,
    }
    if any(node.op_type == "BatchNormalization" for node in model.graph):
        fold_constants_ir(model, **limits)
        RemoveUnusedNodesPass()(model)
    else:
        optimize_ir(model, **limits)


def _empty(graph: onnx.ModelProto, weights: Mapping[str, Tensor], computed: Collection[str]) -> None:
    """Take the data out of the initialisers that are weights.

    `computed` are tables that a model makes anew, such as those of relative positions: they are in no weights file.
    """
    for tensor in graph.graph.initializer:
        if tensor.name in weights and _holds(tensor, weights[tensor.name]):
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
        elif tensor.name not in computed and math.prod(tensor.dims) > LARGEST_CONSTANT:
            raise EnvironmentProblem(
                f"this version of torch exports {tensor.name!r}, which is no weight of the model: use another"
            )


def _holds(initialiser: onnx.TensorProto, weight: Tensor) -> bool:
    """Whether the graph's weight is the model's, and not another that an optimiser put there under its name."""
    own = numpy_helper.to_array(initialiser)
    return own.shape == tuple(weight.shape) and bool((own == weight.numpy()).all())


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
