"""Pixels: the only image decoder, used by ingest, training and serving alike.

Enters: an encoded picture, as bytes or as the path of a file. Leaves: its header, an array for an encoder,
or a small JPEG of it. Whatever the input, the code path is the same and the result is the same to the bit.

A picture is shown as a viewer would show it: first frame only, of a TIFF its first page or the one that a `Page`
names, EXIF orientation applied, embedded
ICC profile (ICC.1) and CMYK turned into sRGB, transparency over white, 16 bits reduced to 8. Samples that no
viewer has an opinion on (floating point, 32-bit or signed integers) are read as 0..1, 0..255 or 0..65535,
whichever of these is the first to hold the resampled picture, and are otherwise stretched from the lowest to
the highest value; alpha is ignored there, and so is every channel after the third where there are five or
more of them.

The format is decided by the first bytes, from an allow-list, before any library sees the picture; then one
named loader of libvips reads it (BMP: Pillow) and every other loader is blocked for the whole process.
A picture that is cut short or that its decoder gives up on is an error, never grey or black pixels; a JPEG
that is whole but has wrong bits inside comes out as a viewer shows it.

Memory depends on a picture's width, not on its height: 180 to 350 MB at 20,000 columns (measured at 15,000
and 25,000 rows). These layouts can't be read from top to bottom and are held, or most of them, at once:

    progressive JPEG                      3 bytes a pixel, before its reduction
    interlaced PNG                        its pixels
    WebP, GIF                             4 bytes a pixel of the frame, WebP's after its reduction
    TIFF whose one strip is compressed    four times the strip's compressed bytes
    BMP                                   10 bytes a pixel

A process that has decoded may fork: no thread is started, except by libvips for WebP. A process that forks
within some seconds of decoding a WebP must not decode WebP in the child, where it would wait for ever: start
such workers by "spawn".
"""

from __future__ import annotations

from mezzetin.pixels.formats import FORMATS
from mezzetin.pixels.preprocessing import Preprocessing
from mezzetin.pixels.rendering import decode, thumbnail
from mezzetin.pixels.source import DEFAULT_MAX_PIXELS, ImageHeader, Page, count_pages, read_header

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "FORMATS",
    "ImageHeader",
    "Page",
    "Preprocessing",
    "count_pages",
    "decode",
    "read_header",
    "thumbnail",
]
