"""Splices: the few places at which a file changes, while every other byte of it stays.

Enters: a file and what is to stand in place of which bytes. Leaves: the file anew. What is not spliced is copied as it
is, so that nothing a format hides between its parts is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import IO

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class Splice:
    """Put `new` in place of the bytes from `start` up to `end`; equal ones insert."""

    start: int
    end: int
    new: bytes


def spliced(data: bytes, splices: Iterable[Splice]) -> bytes:
    """Bytes with splices done, those at one place in the order given."""
    parts, at = [], 0
    for splice in _ordered(splices):
        parts += [data[at : splice.start], splice.new]
        at = splice.end
    return b"".join((*parts, data[at:]))


def splice_file(source: IO[bytes], splices: Iterable[Splice], target: IO[bytes]) -> None:
    """Copy a file with splices done, a megabyte at a time.

    Raises:
        EOFError: the source is shorter than it was.

    """
    at = 0
    for splice in _ordered(splices):
        _copy(source, at, splice.start, target)
        target.write(splice.new)
        at = splice.end
    source.seek(at)
    while chunk := source.read(_CHUNK):
        target.write(chunk)


def _ordered(splices: Iterable[Splice]) -> list[Splice]:
    ordered = sorted(splices, key=lambda one: (one.start, one.end))
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise ValueError("splices overlap")
    return ordered


def _copy(source: IO[bytes], start: int, end: int, target: IO[bytes]) -> None:
    source.seek(start)
    left = end - start
    while left:
        chunk = source.read(min(_CHUNK, left))
        if not chunk:
            raise EOFError("the file is shorter than it was")
        target.write(chunk)
        left -= len(chunk)
