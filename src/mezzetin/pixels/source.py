"""Opens a picture: bytes or a path in, a checked header and a lazy libvips image out.

Importing this module sets libvips up for the whole process: loaders outside the allow-list are blocked, the
operation cache is off, one thread, and its warnings go to no terminal.
"""

from __future__ import annotations

import io
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from mezzetin.errors import ImageError
from mezzetin.pixels import bmp
from mezzetin.pixels.formats import HEAD_BYTES, sniff, undecodable
from mezzetin.pixels.tiff import page_directories

DEFAULT_MAX_PIXELS = 500_000_000

_LOADERS = {"jpeg": "Jpeg", "png": "Png", "webp": "Webp", "gif": "Nsgif", "tiff": "Tiff"}
_LOAD_OPERATIONS = {
    "jpeg": "jpegload",
    "png": "pngload",
    "webp": "webpload",
    "gif": "gifload",
    "tiff": "tiffload",
}
_TIFF_LIMITED_BYTES = 10 << 20
_TURNING_ORIENTATIONS = (5, 6, 7, 8)


def _set_libvips_up() -> None:
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in _LOADERS.values():
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)
    pyvips.cache_set_max_mem(0)
    pyvips.cache_set_max_files(0)
    # pyvips hands libvips' warnings to this logger; what matters arrives as an error of its own.
    logging.getLogger("pyvips").propagate = False


_set_libvips_up()


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """A picture's format (one of `FORMATS`) and its size in pixels as shown, EXIF orientation applied."""

    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a TIFF, numbered from 0, as `count_pages` counts them; any other picture has page 0 alone."""

    image: bytes | Path
    number: int


class Picture:
    """An opened picture whose pixels are not decoded yet.

    `header` is as shown; `orientation` is EXIF's (1..8), which `load`'s image has not been turned by.
    """

    def __init__(self, name: str, data: bytes | int, max_pixels: int, page: int = 0) -> None:
        self._format, self._data = name, data
        self._directory = _directory(name, data, page) if page else 0
        if name == "bmp":
            width, height = bmp.read_size(data)
            self.orientation, bands = 1, 3
            self._image: Any = None
        else:
            self._image = self._open()
            width, height, bands = self._image.width, self._image.height, self._image.bands
            self.orientation = _orientation(self._image)
        _check_size(width, height, bands, max_pixels)
        if self.orientation in _TURNING_ORIENTATIONS:
            width, height = height, width
        self.header = ImageHeader(name, width, height)

    def load(self, factor: float) -> Any:
        """Return a libvips image of the stored picture, to be read from top to bottom, once.

        JPEG and WebP are decoded at a smaller size where the picture will be reduced by `factor` or more.
        """
        if self._format == "bmp":
            return bmp.load(self._data)
        if self._format == "jpeg" and (shrink := _jpeg_shrink(factor)) > 1:
            self._image = self._open(shrink=shrink)
        elif self._format == "webp" and factor > _LEFT_FOR_RESIZING:
            self._image = self._open(scale=_LEFT_FOR_RESIZING / factor)
        image, self._image = self._image, None
        return image

    def _open(self, **options: Any) -> Any:
        self._image = None
        if isinstance(self._data, bytes):
            length, source = len(self._data), pyvips.Source.new_from_memory(self._data)
        else:
            # The descriptor's offset is shared with an earlier source, which is closed by now.
            os.lseek(self._data, 0, os.SEEK_SET)
            length = os.fstat(self._data).st_size
            source = pyvips.Source.new_from_descriptor(self._data)
        if self._format == "tiff":
            # libtiff's limit of 50 MB would refuse honest large files whose one strip is compressed; what
            # it reserves for such a strip is no more than the file holds.
            options["unlimited"] = length > _TIFF_LIMITED_BYTES
            options["page"] = self._directory
        if self._format == "webp":
            options["memory"] = True  # or a large frame goes through a temporary file
        operation = f"{_LOAD_OPERATIONS[self._format]}_source"
        # An earlier picture's warnings would otherwise be quoted as the reason of this one's error.
        pyvips.vips_lib.vips_error_clear()
        return pyvips.Operation.call(operation, source, access="sequential", fail_on="error", **options)


# A decoder's own reduction is a box filter or coarser; what is left for the resampling that follows hides it.
# Measured on a photograph: at 1.5 the mean difference from a full decode is 0.6 levels of 255.
_LEFT_FOR_RESIZING = 1.5


def _jpeg_shrink(factor: float) -> int:
    return next((shrink for shrink in (8, 4, 2) if factor >= shrink * _LEFT_FOR_RESIZING), 1)


def _orientation(image: Any) -> int:
    if not image.get_typeof("orientation"):
        return 1
    value = int(image.get("orientation"))
    return value if 1 <= value <= 8 else 1


def _check_size(width: int, height: int, bands: int, max_pixels: int) -> None:
    # A pixel of very many channels weighs as much as several: a few bytes of TIFF can claim 65,535 of them.
    if width * height * max(1.0, bands / 4) > max_pixels:
        channels = f" of {bands} channels" if bands > 4 else ""
        raise ImageError(
            "too_many_pixels",
            f"the picture has {width:,} x {height:,} pixels{channels}, more than the limit of "
            f"{max_pixels:,}: raise it with --max-pixels, or make the picture smaller",
        )


@contextmanager
def open_picture(image: bytes | Path | Page, max_pixels: int) -> Iterator[Picture]:
    """Open a picture for the length of a `with` block; what libvips raises in it becomes an `ImageError`.

    Raises:
        ImageError: `missing`, `empty`, `unsupported_format`, `undecodable` or `too_many_pixels`.

    """
    page = image.number if isinstance(image, Page) else 0
    image = image.image if isinstance(image, Page) else image
    if isinstance(image, Path):
        with _open_file(image) as stream:
            name = sniff(stream.read(HEAD_BYTES))
            with _own_errors(name):
                yield Picture(name, stream.fileno(), max_pixels, page)
        return
    name = sniff(image[:HEAD_BYTES])
    with _own_errors(name):
        yield Picture(name, image, max_pixels, page)


def count_pages(image: bytes | Path) -> int:
    """Return how many pages a TIFF has, its reduced copies and masks not counted; 1 for every other picture.

    Raises:
        ImageError: `missing`, `empty` or `unsupported_format`.

    """
    with _open_file(image) if isinstance(image, Path) else io.BytesIO(image) as stream:
        if sniff(stream.read(HEAD_BYTES)) != "tiff":
            return 1
        stream.seek(0)
        return len(page_directories(stream))


def _directory(name: str, data: bytes | int, page: int) -> int:
    """Which directory of a TIFF a page is.

    Raises:
        ImageError: `undecodable`: there is no such page.

    """
    pages = [0]
    if name == "tiff":
        with io.BytesIO(data) if isinstance(data, bytes) else os.fdopen(os.dup(data), "rb", buffering=0) as stream:
            stream.seek(0)
            pages = page_directories(stream)
    if page >= len(pages):
        raise ImageError("undecodable", f"the picture has no page {page + 1}: it has {len(pages)}")
    return pages[page]


def _open_file(path: Path) -> Any:
    try:
        # Asked before opening: opening a named pipe would wait for its writer for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImageError("missing", f"{_printable(path)} is not a file: name a picture")
        return path.open("rb", buffering=0)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ImageError("missing", f"{_printable(path)} can't be opened ({reason}): check its name") from error


def _printable(path: Path) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in str(path))


@contextmanager
def _own_errors(name: str) -> Iterator[None]:
    try:
        yield
    except pyvips.Error as error:
        raise undecodable(name, str(error.detail)) from error
    except UnicodeDecodeError as error:  # pyvips, about a message that quotes the file
        raise undecodable(name, "") from error


def read_header(image: bytes | Path | Page, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> ImageHeader:
    """Read a picture's format and size without decoding its pixels.

    Raises:
        ImageError: `missing`, `empty`, `unsupported_format`, `undecodable` (the header can't be read; damage
            further down goes unnoticed here) or `too_many_pixels`.

    """
    with open_picture(image, max_pixels) as picture:
        return picture.header
