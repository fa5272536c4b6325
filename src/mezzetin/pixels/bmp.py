"""BMP, the one format that libvips' wheel doesn't read: its size by hand, its pixels by Pillow, at once."""

from __future__ import annotations

import io
import os
import struct
from typing import Any, BinaryIO

import pyvips

from mezzetin.pixels.formats import undecodable

_HEADER_BYTES = 34
_UNCOMPRESSED = (0, 3, 6)  # BI_RGB, BI_BITFIELDS, BI_ALPHABITFIELDS


def read_size(data: bytes | int) -> tuple[int, int]:
    """Return width and height in pixels from the header of a BMP's bytes or open file descriptor.

    Raises:
        ImageError: `undecodable` when the header makes no sense, or when the file is shorter than it says.

    """
    with _stream(data) as stream:
        head = stream.read(_HEADER_BYTES)
        length = stream.seek(0, os.SEEK_END)
    try:
        if head[14] == 12:
            width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
            compression = 0
        else:
            width, height, _, bits, compression = struct.unpack_from("<iiHHI", head, 18)
    except (struct.error, IndexError) as error:
        raise undecodable("bmp", "the header is cut short") from error
    height = abs(height)  # negative: stored from the top down
    if width < 1 or height < 1:
        raise undecodable("bmp", f"a size of {width} x {height}")
    # Told from the length, so that a file of a few bytes can't make Pillow reserve gigabytes.
    if compression in _UNCOMPRESSED and (width * bits + 7) // 8 * height > length:
        raise undecodable("bmp", "fewer bytes than its size needs")
    return width, height


def load(data: bytes | int) -> Any:
    """Return the whole picture as a libvips image in memory, sRGB of 3 or 4 channels of 8 bits.

    Raises:
        ImageError: `undecodable`.

    """
    # Only a collection with a BMP in it pays for the import. The plug-in's class is called directly: with
    # Image.open any other of Pillow's readers might answer, and a large picture is a warning.
    from PIL.BmpImagePlugin import BmpImageFile

    with _stream(data) as stream:
        try:
            picture = BmpImageFile(stream)
            picture.load()
            pixels = picture if picture.mode in ("RGB", "RGBA") else picture.convert("RGB")
        # Pillow says SyntaxError, among others, of a header that it can't make sense of.
        except (OSError, ValueError, SyntaxError, IndexError, struct.error, OverflowError) as error:
            raise undecodable("bmp", str(error)) from error
    bands = len(pixels.getbands())
    image = pyvips.Image.new_from_memory(pixels.tobytes(), pixels.width, pixels.height, bands, "uchar")
    return image.copy(interpretation="srgb")


def _stream(data: bytes | int) -> BinaryIO:
    if isinstance(data, bytes):
        return io.BytesIO(data)
    os.lseek(data, 0, os.SEEK_SET)
    return os.fdopen(os.dup(data), "rb")
