"""Which formats are read, told from a picture's first bytes alone: names and suffixes are not believed."""

from __future__ import annotations

from mezzetin.errors import ImageError

FORMATS = ("jpeg", "png", "webp", "gif", "tiff", "bmp")

#: As many first bytes as `sniff` looks at.
HEAD_BYTES = 256

_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00\x08\x00", "tiff"),  # BigTIFF
    (b"MM\x00+\x00\x08", "tiff"),
)

# Two letters are too few to tell a BMP from a sentence: the size of the header that follows must be one of
# those that exist (OS/2 1.x, Windows 3, its two extensions, OS/2 2.x, Windows NT 4 and 5).
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)

# Not read, but recognised, so that the message can name what the user has.
_KNOWN = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"8BPS", "a Photoshop file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x01\x00", "an icon file"),
    (b"SIMPLE  =", "a FITS file"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"PAR1", "a Parquet file"),
    (b"RIFF", "a RIFF file that is no WebP"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis")
_MARKUP = (
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
)
_SHOWN_LETTERS = 16
_SHOWN_BYTES = 8
_LONGEST_REASON = 160


def sniff(head: bytes) -> str:
    """Name the format of the picture that starts with `head` (its first `HEAD_BYTES` bytes, or all of it).

    Raises:
        ImageError: `empty` when there is no byte, `unsupported_format` when it is none of `FORMATS`; the
            message says what the bytes look like instead.

    """
    if not head:
        raise ImageError("empty", "the picture is empty (0 bytes): fetch or export it again")
    for magic, name in _MAGIC:
        # Canon's CR2 begins like a TIFF, but its sensor data is not for a TIFF reader.
        if head.startswith(magic) and head[8:10] != b"CR":
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    raise ImageError(
        "unsupported_format",
        f"this looks like {_looks_like(head)}, not a picture that can be read: "
        f"convert it to one of {', '.join(FORMATS)}",
    )


def undecodable(name: str, reason: str) -> ImageError:
    """Return the error of a damaged picture, with the first line of a library's `reason`, made harmless."""
    first = next((line.strip() for line in reason.splitlines() if line.strip()), "unknown reason")
    harmless = "".join(letter if letter.isprintable() else "?" for letter in first)[:_LONGEST_REASON]
    safe = " ".join(harmless.split())
    return ImageError(
        "undecodable",
        f"the {name.upper()} picture is damaged, cut short or of an unknown kind ({safe}): fetch or export it again",
        reason=safe,
    )


def _looks_like(head: bytes) -> str:
    for magic, what in _KNOWN:
        if head.startswith(magic):
            return what
    if head[4:8] == b"ftyp":
        return _iso_media(head[8:12])
    if head[8:10] == b"CR":
        return "a camera's raw file"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    markup = [(text.find(tag), what) for tag, what in _MARKUP if tag in text]
    if text.startswith(b"<") and markup:
        # A drawing often starts as an XML document: the more telling tag comes first in _MARKUP.
        return markup[0][1]
    return _raw(head)


def _iso_media(brand: bytes) -> str:
    if brand in (b"avif", b"avis"):
        return "an AVIF picture"
    return "a HEIF picture" if brand in _HEIF_BRANDS else "a video or another ISO media file"


def _raw(head: bytes) -> str:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a letter of up to 4 bytes; any earlier fault means no text.
        text = head[: error.start].decode("utf-8") if error.start > HEAD_BYTES - 4 else ""
    if text and all(letter.isprintable() or letter in "\t\r\n\f" for letter in text):
        return f"text ({' '.join(text.split())[:_SHOWN_LETTERS]!r})"
    return f"no format we know (first bytes {head[:_SHOWN_BYTES].hex(' ')})"
