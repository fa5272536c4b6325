"""One picture, from the source's file to what a row holds: read, hash, decode, reduce.

Enters: a place. Leaves: a `Picture`, whose `status` is "ok" or says why there is none; a broken file is a
result like any other. Memory a picture is bounded: a file above 32 MiB or 4 megapixels is only streamed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mezzetin.errors import ImageError
from mezzetin.pixels import Preprocessing, decode, read_header, thumbnail
from mezzetin.storage.paths import Place

MAX_PIXELS_AS_IS = 4_000_000
MAX_BYTES_AS_IS = 32 << 20
REDUCED_SIDE = 1024
_CHUNK = 1 << 20
# `decode` reads a picture to its last row for any result. Coming down from a large one the decoder skips most
# of the arithmetic; a small one is cheapest as it is.
_PROOF = Preprocessing(height=32, width=32)
_SMALL_PIXELS = 250_000
_LONGEST_PROOF = 8192


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a row stores it.

    `image` is None unless `status` is "ok"; `format`, `width` and `height` (pixels, as shown) are those of
    `image`; `sha256` is of the original file's bytes. `reduced` says that `image` is a smaller JPEG of it.
    """

    status: str
    error: str | None = None
    image: bytes | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    reduced: bool = False


def load_picture(place: Place | None) -> Picture:
    """Read and decode the picture at `place`; whatever is wrong with it is in the result."""
    if place is None or not place.exists():
        return Picture("missing", "the file is not there")
    try:
        large = place.size() > MAX_BYTES_AS_IS
        data: bytes | Path = place.local_path() if large else place.read_bytes()
        sha256 = _streamed_sha256(place) if isinstance(data, Path) else hashlib.sha256(data).hexdigest()
    except OSError as error:
        return Picture("unreadable", f"the file can't be read: {error.strerror or type(error).__name__}")
    try:
        return _decoded(data, sha256)
    except ImageError as error:
        # Where the source lies must not show in the rows, or the same source elsewhere had another digest.
        message = " ".join(str(error).split()).replace(str(place.local_path()), place.name)
        return Picture(error.code, message, sha256=sha256)


def _decoded(data: bytes | Path, sha256: str) -> Picture:
    header = read_header(data)
    if isinstance(data, bytes) and header.width * header.height <= MAX_PIXELS_AS_IS:
        decode(data, _proof(header.width, header.height))
        return Picture("ok", None, data, header.format, header.width, header.height, sha256)
    image = thumbnail(data, REDUCED_SIDE)
    small = read_header(image)
    return Picture("ok", None, image, small.format, small.width, small.height, sha256, reduced=True)


def _proof(width: int, height: int) -> Preprocessing:
    if width * height > _SMALL_PIXELS or max(width, height) > _LONGEST_PROOF:
        return _PROOF
    return Preprocessing(height=height, width=width)


def _streamed_sha256(place: Place) -> str:
    digest = hashlib.sha256()
    with place.open() as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
