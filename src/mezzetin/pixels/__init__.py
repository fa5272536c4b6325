"""Pixels: the only image decoder, used by ingest, training and serving alike.

Enters: an encoded picture, as bytes or as the path of a file. Leaves: its header, an array for an encoder,
or a small JPEG of it. Whatever the input, the code path is the same and the result is the same to the bit.

A picture is shown as a viewer would show it: first frame or page only, EXIF orientation applied, embedded
ICC profile (ICC.1) and CMYK turned into sRGB, transparency over white, 16 bits reduced to 8. Samples that no
viewer has an opinion on (floating point, 32-bit or signed integers) are read as 0..1, 0..255 or 0..65535,
whichever of these is the first to hold the resampled picture, and are otherwise stretched from the lowest to
the highest value; alpha is ignored there, and so is every channel after the third where there are five or
more of them.

The format is decided by the first bytes, from an allow-list, before any library sees the picture; then one
named loader of libvips reads it (BMP: Pillow) and every other loader is blocked for the whole process. No
thread is started, so that a process that has decoded may fork.

Memory is flat in the picture's size, some tens of MB at 300 megapixels, where a format can be read from top
to bottom. These layouts can't, and hold the picture, or most of it, at once:

    progressive JPEG                            2 bytes a sample, 3 to 6 a pixel
    interlaced PNG                              1 or 2 bytes a sample
    WebP, GIF                                   4 bytes a pixel of the frame
    TIFF whose one strip is compressed          the strip's compressed bytes; with JPEG inside, refused
                                                above libtiff's limit
    BMP                                         8 bytes a pixel
"""

from __future__ import annotations

from mezzetin.pixels.formats import FORMATS
from mezzetin.pixels.preprocessing import Preprocessing
from mezzetin.pixels.rendering import decode, thumbnail
from mezzetin.pixels.source import DEFAULT_MAX_PIXELS, ImageHeader, read_header

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "FORMATS",
    "ImageHeader",
    "Preprocessing",
    "decode",
    "read_header",
    "thumbnail",
]
