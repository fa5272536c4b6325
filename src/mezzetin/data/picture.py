"""One picture, from its source to what a row holds: read, hash, prove, reduce.

Enters: where it is. Leaves: a `Picture`, whose `status` is "ok" or says why there is none; a broken file is a
result like any other. Memory a picture is bounded: a file above 32 MiB or 4 megapixels is only streamed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mezzetin.data.content import content_of
from mezzetin.data.proof import prove, prove_quickly
from mezzetin.data.readers.source import ImageSource
from mezzetin.errors import DatasetError, FetchError, ImageError
from mezzetin.pixels import read_header, thumbnail
from mezzetin.pixels.likeness import FLAT

MAX_PIXELS_AS_IS = 4_000_000
MAX_BYTES_AS_IS = 32 << 20
REDUCED_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a row stores it.

    `image` is None unless `status` is "ok"; `format`, `width` and `height` (pixels, as shown) are those of
    `image`; `sha256` is of the original file's bytes. `reduced` says that `image` is a smaller JPEG of it;
    `likeness` is its perceptual hash (`pixels.likeness`).
    """

    status: str
    error: str | None = None
    image: bytes | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    reduced: bool = False
    likeness: int = FLAT


NO_CAPTIONS = Picture("no_captions", "the source has no caption for it")
_MISSING = Picture("missing", "the file is not there")


def load_picture(source: ImageSource | None) -> Picture:
    """Read and decode a picture; whatever is wrong with it is in the result.

    Raises:
        EnvironmentProblem: its store refuses or does not answer.

    """
    if source is None:
        return _MISSING
    try:
        with content_of(source, MAX_BYTES_AS_IS) as data:
            return _hashed(data, source)
    except (FileNotFoundError, NotADirectoryError):
        return _MISSING
    except FetchError as error:
        return Picture("unreachable", f"{error.code}: {error}")
    except OSError as error:
        return Picture("unreadable", f"the file can't be read: {error.strerror or type(error).__name__}")
    except DatasetError:
        # Without the table's name: where the source lies must not show in the rows, see below.
        return Picture("unreadable", "the table that holds it is cut short or altered")


def _hashed(data: bytes | Path, source: ImageSource) -> Picture:
    if isinstance(data, Path):
        with data.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    else:
        sha256 = hashlib.sha256(data).hexdigest()
    try:
        return _decoded(data, sha256)
    except ImageError as error:
        # Where the source lies must not show in the rows, or the same source elsewhere had another digest.
        message = " ".join(str(error).split())
        if error.reason:
            # The same picture must make the same row, whatever was decoded beside it.
            message = message.replace(f" ({error.reason})", "")
        if isinstance(data, Path):
            message = message.replace(str(data), getattr(source, "name", data.name))
        return Picture(error.code, message, sha256=sha256)


def _decoded(data: bytes | Path, sha256: str) -> Picture:
    if isinstance(data, bytes):
        proof = prove_quickly(data, MAX_PIXELS_AS_IS)
        if proof is None:
            header = read_header(data)
            if header.width * header.height <= MAX_PIXELS_AS_IS:
                proof = prove(data)
        if proof is not None:
            kept = (proof.format, proof.width, proof.height, sha256)
            return Picture("ok", None, data, *kept, likeness=proof.likeness)
    image = thumbnail(data, REDUCED_SIDE)
    small = prove(image)
    kept = (small.format, small.width, small.height, sha256)
    return Picture("ok", None, image, *kept, reduced=True, likeness=small.likeness)
