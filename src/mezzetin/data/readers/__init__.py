"""Readers: one small module a layout, each turning a source into records.

A reader is a module (or anything else) with `LOOKS_FOR`, `PUBLISHED_SPLIT`, `found` and `read`; adding one is
one file and one line here. They are asked in this order, the most particular first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from mezzetin.data.readers import (
    coco,
    collection,
    delta,
    flickr8k,
    flickr8k_original,
    flickr30k,
    imagefolder,
    karpathy,
    parquet,
    table,
    textcaps,
    urls,
    vizwiz,
    webdataset,
)
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place


class Reader(Protocol):
    """What every reader offers."""

    @property
    def LOOKS_FOR(self) -> str:  # noqa: N802 - a module's constant
        """What the layout is recognised by, for the message when nothing is."""

    @property
    def PUBLISHED_SPLIT(self) -> str | None:  # noqa: N802 - a module's constant
        """The files that hold the split which papers report on, where the layout is a published set."""

    def found(self, source: Place) -> bool:
        """Say whether the source looks like this layout."""

    def read(self, source: Place, options: ReadOptions) -> Iterator[Record]:
        """Yield the source's records."""


READERS: dict[str, Reader] = {
    "collection": collection,
    # Karpathy's file is put beside another layout on purpose: it brings the split.
    "karpathy": karpathy,
    "flickr8k": flickr8k,
    "flickr8k-original": flickr8k_original,
    "flickr30k": flickr30k,
    "textcaps": textcaps,
    "vizwiz": vizwiz,
    "coco": coco,
    "imagefolder": imagefolder,
    "delta": delta,
    "parquet": parquet,
    "webdataset": webdataset,
    "urls": urls,
    "table": table,
}


def choose_layout(source: Place, layout: str | None = None) -> str:
    """Return the name of the reader for `source`: the one asked for, else the first that recognises it.

    Raises:
        DatasetError: the source does not exist, nobody recognises it, or the name asked for is unknown.

    """
    if layout is not None and layout not in READERS:
        raise DatasetError(f"there is no layout {layout!r}: use one of {', '.join(READERS)}")
    if not source.exists():
        raise DatasetError(f"{source} does not exist: check the path")
    if layout is not None:
        return layout
    for name, reader in READERS.items():
        if reader.found(source):
            return name
    wanted = "; ".join(f"{reader.LOOKS_FOR} ({name})" for name, reader in READERS.items())
    raise DatasetError(f"{source} holds no captions that Mezzetin knows: it looked for {wanted}; add one")
