"""The BERT encoder (Devlin et al. 2019, arXiv 1810.04805) as an ONNX graph for the weights of any size of it.

Enters: the numbers of its config.json. Leaves: a graph `input_ids, attention_mask, token_type_ids [B, T] ->
last_hidden_state [B, T, D]`, as models of this kind are published. B texts, T tokens, D dimensions, H heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mezzetin.errors import InputError
from mezzetin.meaning.onnxfile import FLOAT, INT64, Graph

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUT = "last_hidden_state"


@dataclass(frozen=True, slots=True)
class BertShape:
    """How large a BERT encoder is: `width` D, `inner` of the feed-forward part, `longest` text in tokens."""

    layers: int
    heads: int
    width: int
    inner: int
    words: int
    longest: int
    kinds: int
    epsilon: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> BertShape:
        """Read a config.json.

        Raises:
            InputError: it is of another kind of model.

        """
        differs = {
            "model_type": ("bert", config.get("model_type")),
            "hidden_act": ("gelu", config.get("hidden_act", "gelu")),
            "position_embedding_type": ("absolute", config.get("position_embedding_type", "absolute")),
        }
        for name, (known, found) in differs.items():
            if found != known:
                raise InputError(f"its {name} is {found!r}, and only {known!r} is read: use a model of BERT's kind")
        try:
            return cls(
                layers=int(config["num_hidden_layers"]),
                heads=int(config["num_attention_heads"]),
                width=int(config["hidden_size"]),
                inner=int(config["intermediate_size"]),
                words=int(config["vocab_size"]),
                longest=int(config["max_position_embeddings"]),
                kinds=int(config.get("type_vocab_size", 2)),
                epsilon=float(config.get("layer_norm_eps", 1e-12)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("its config.json lacks numbers of BERT: fetch the model again") from error

    def weights(self) -> dict[str, tuple[int, ...]]:
        """The arrays that the graph wants by name, and their shapes."""
        D, inner = self.width, self.inner
        wanted: dict[str, tuple[int, ...]] = {
            "embeddings.word_embeddings.weight": (self.words, D),
            "embeddings.position_embeddings.weight": (self.longest, D),
            "embeddings.token_type_embeddings.weight": (self.kinds, D),
        }
        norms = ["embeddings.LayerNorm"]
        for layer in range(self.layers):
            own = f"encoder.layer.{layer}"
            dense = {f"attention.self.{name}": (D, D) for name in ("query", "key", "value")}
            dense |= {"attention.output.dense": (D, D), "intermediate.dense": (inner, D), "output.dense": (D, inner)}
            for name, shape in dense.items():
                wanted |= {f"{own}.{name}.weight": shape, f"{own}.{name}.bias": shape[:1]}
            norms += [f"{own}.attention.output.LayerNorm", f"{own}.output.LayerNorm"]
        for name in norms:
            wanted |= {f"{name}.weight": (D,), f"{name}.bias": (D,)}
        return wanted


def bert_graph(shape: BertShape) -> bytes:
    """The model file of a BERT encoder, which is given its weights when it is loaded."""
    graph = Graph("bert")
    for name in INPUTS:
        graph.takes(name, INT64, ("B", "T"))
    graph.gives(OUTPUT, FLOAT, ("B", "T", shape.width))
    for name, lengths in shape.weights().items():
        graph.weight(name, lengths)
    return _Bert(graph, shape).to_bytes()


class _Bert:
    """Writes the nodes. Between them each token is a row, `[B * T, D]`, so that every layer is a plain product."""

    def __init__(self, graph: Graph, shape: BertShape) -> None:
        self._graph, self._shape = graph, shape
        self._zero = self._numbers("zero", 0)
        self._rows = self._numbers("rows", -1, shape.width)
        depth = shape.width // shape.heads
        self._scale = graph.constant("scale", np.array(depth**-0.5, np.float32))
        size = graph.add("Shape", INPUTS[0])
        # [B, T, H, D / H] and [B, T, D]: how rows become sequences again.
        heads = self._numbers("heads", shape.heads, depth)
        self._apart = graph.add("Concat", size, heads, axis=0)
        self._whole = graph.add("Concat", size, self._numbers("width", shape.width), axis=0)
        self._hidden = self._mask()

    def to_bytes(self) -> bytes:
        add = self._graph.add
        rows = self._embedded()
        for layer in range(self._shape.layers):
            own = f"encoder.layer.{layer}"
            seen = self._dense(f"{own}.attention.output.dense", self._attended(f"{own}.attention.self", rows))
            rows = self._normed(f"{own}.attention.output.LayerNorm", add("Add", rows, seen))
            inner = add("Gelu", self._dense(f"{own}.intermediate.dense", rows))
            rows = self._normed(f"{own}.output.LayerNorm", add("Add", rows, self._dense(f"{own}.output.dense", inner)))
        self._graph.node("Reshape", [rows, self._whole], OUTPUT)
        return self._graph.to_bytes()

    def _embedded(self) -> str:
        add = self._graph.add
        words = add("Gather", "embeddings.word_embeddings.weight", INPUTS[0], axis=0)
        kinds = add("Gather", "embeddings.token_type_embeddings.weight", INPUTS[2], axis=0)
        length = add("Shape", INPUTS[0], start=1, end=2)
        places = add("Slice", "embeddings.position_embeddings.weight", self._zero, length, self._zero)
        sequence = add("Add", add("Add", words, kinds), places)
        return self._normed("embeddings.LayerNorm", add("Reshape", sequence, self._rows))

    def _mask(self) -> str:
        """`[B, 1, 1, T]`: 0 for a token, a large negative number for padding."""
        add = self._graph.add
        present = add("Cast", INPUTS[1], to=FLOAT)
        absent = add("Sub", present, self._graph.constant("present", np.array(1, np.float32)))
        pushed = add("Mul", absent, self._graph.constant("far", np.array(1e9, np.float32)))
        return add("Unsqueeze", pushed, self._numbers("between", 1, 2))

    def _attended(self, own: str, rows: str) -> str:
        add = self._graph.add
        query, key, value = (
            add("Reshape", self._dense(f"{own}.{name}", rows), self._apart) for name in ("query", "key", "value")
        )
        query, value = (add("Transpose", one, perm=(0, 2, 1, 3)) for one in (query, value))
        fits = add("Mul", add("MatMul", query, add("Transpose", key, perm=(0, 2, 3, 1))), self._scale)
        looks = add("Softmax", add("Add", fits, self._hidden), axis=-1)
        seen = add("Transpose", add("MatMul", looks, value), perm=(0, 2, 1, 3))
        return add("Reshape", seen, self._rows)

    def _dense(self, name: str, rows: str) -> str:
        return self._graph.add("Gemm", rows, f"{name}.weight", f"{name}.bias", transB=1)

    def _normed(self, name: str, rows: str) -> str:
        weights = (f"{name}.weight", f"{name}.bias")
        return self._graph.add("LayerNormalization", rows, *weights, axis=-1, epsilon=self._shape.epsilon)

    def _numbers(self, name: str, *numbers: int) -> str:
        return self._graph.constant(name, np.array(numbers, np.int64))
