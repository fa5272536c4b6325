"""IIIF Presentation 3: a manifest and a page of annotations for each picture, and a collection over all of them."""

from __future__ import annotations

from mezzetin.publication.iiif.documents import (
    Addresses,
    PaintedImage,
    annotation,
    annotation_page,
    collection,
    manifest,
    part,
    part_reference,
    reference,
)
from mezzetin.publication.iiif.folder import write

__all__ = [
    "Addresses",
    "PaintedImage",
    "annotation",
    "annotation_page",
    "collection",
    "manifest",
    "part",
    "part_reference",
    "reference",
    "write",
]
