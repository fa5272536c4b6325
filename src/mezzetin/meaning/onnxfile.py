"""ONNX without its package: nodes in, the bytes of a model out.

Only what a graph of plain operators needs of the format (https://onnx.ai/onnx/repo-docs/IR.html): nodes with numbers
and lists of numbers as attributes, small constants, weights that are named here and handed over when the graph is
loaded. The encoding is that of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FLOAT, INT64 = 1, 7
"""`TensorProto.DataType`."""
Attribute = int | float | Sequence[int]
_OPSET, _IR_VERSION = 20, 9
_VARINT, _LENGTH, _FIXED32 = 0, 2, 5
_OUTSIDE = 1


@dataclass
class Graph:
    """A graph under construction: every method adds to it."""

    name: str
    nodes: list[bytes] = field(default_factory=list)
    constants: list[bytes] = field(default_factory=list)
    inputs: list[bytes] = field(default_factory=list)
    outputs: list[bytes] = field(default_factory=list)
    _made: int = 0

    def add(self, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """A node; gives the name of what it computes."""
        self._made += 1
        name = f"{operator.lower()}{self._made}"
        self.node(operator, inputs, name, **attributes)
        return name

    def node(self, operator: str, inputs: Iterable[str], output: str, **attributes: Attribute) -> None:
        """A node whose output has a name of its own."""
        parts = [*(_text(1, name) for name in inputs), _text(2, output), _text(4, operator)]
        parts += [_message(5, _attribute(name, value)) for name, value in attributes.items()]
        self.nodes.append(b"".join(parts))

    def constant(self, name: str, value: NDArray[np.int64] | NDArray[np.float32]) -> str:
        """A small array that is part of the graph."""
        kind = INT64 if value.dtype == np.int64 else FLOAT
        little = value.astype(value.dtype.newbyteorder("<"))
        self.constants.append(_tensor(name, value.shape, kind) + _bytes(9, little.tobytes()))
        return name

    def weight(self, name: str, shape: Sequence[int]) -> str:
        """An array of float32 that the session is given by this name."""
        # What no file holds still has to be said to lie in one.
        location = _message(13, _text(1, "location") + _text(2, "given"))
        self.constants.append(_tensor(name, shape, FLOAT) + location + _number(14, _OUTSIDE))
        return name

    def takes(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        """An input; an axis of any length is a name."""
        self.inputs.append(_value(name, kind, shape))
        return name

    def gives(self, name: str, kind: int, shape: Sequence[int | str]) -> None:
        """An output."""
        self.outputs.append(_value(name, kind, shape))

    def to_bytes(self) -> bytes:
        """The model file."""
        parts: Mapping[int, list[bytes]] = {1: self.nodes, 5: self.constants, 11: self.inputs, 12: self.outputs}
        graph = _text(2, self.name) + b"".join(_message(tag, one) for tag, many in parts.items() for one in many)
        return _number(1, _IR_VERSION) + _message(7, graph) + _message(8, _number(2, _OPSET))


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        return _text(1, name) + _key(2, _FIXED32) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, 2)
    return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, 7)


def _tensor(name: str, shape: Sequence[int], kind: int) -> bytes:
    return b"".join(_number(1, length) for length in shape) + _number(2, kind) + _text(8, name)


def _value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    axes = b"".join(_message(1, _number(1, axis) if isinstance(axis, int) else _text(2, axis)) for axis in shape)
    return _text(1, name) + _message(2, _message(1, _number(1, kind) + _message(2, axes)))


def _key(tag: int, wire: int) -> bytes:
    return _varint(tag << 3 | wire)


def _number(tag: int, value: int) -> bytes:
    return _key(tag, _VARINT) + _varint(value)


def _text(tag: int, value: str) -> bytes:
    return _bytes(tag, value.encode())


def _message(tag: int, body: bytes) -> bytes:
    return _bytes(tag, body)


def _bytes(tag: int, body: bytes) -> bytes:
    return _key(tag, _LENGTH) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    # A negative number is its two's complement in 64 bits.
    left, found = value & 0xFFFFFFFFFFFFFFFF, bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*found, left])
