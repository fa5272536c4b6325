"""Picture files as archives have them: by format, small, each odd in its own way. None holds a text of ours."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

XMP_SIGNATURE = b"http://ns.adobe.com/xap/1.0/\0"
MORE_SIGNATURE = b"http://ns.adobe.com/xmp/extension/\0"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def xmp(inner: str = "", attributes: str = "", *, padding: int = 0) -> bytes:
    """A packet as other programs write it, with a rating and a title of its own."""
    text = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Other">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><!-- kept --><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"'
        f' xmp:Rating="4" {attributes}><dc:title><rdf:Alt><rdf:li xml:lang="x-default">Garden</rdf:li></rdf:Alt>'
        f"</dc:title>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>{' ' * padding}"
        '<?xpacket end="w"?>'
    )
    return text.encode()


def alt(lang: str, text: str) -> str:
    """A text of a person in the property for alternative texts."""
    li = f'<rdf:li xml:lang="x-default">{text}</rdf:li><rdf:li xml:lang="{lang}">{text}</rdf:li>'
    return f"<Iptc4xmpCore:AltTextAccessibility><rdf:Alt>{li}</rdf:Alt></Iptc4xmpCore:AltTextAccessibility>"


def pixels(mode: str = "RGB", size: tuple[int, int] = (37, 23), seed: int = 0) -> Image.Image:
    """A small picture of noise over a gradient."""
    random = np.random.default_rng(seed)
    bands = len(Image.new(mode, (1, 1)).getbands())
    data = random.integers(0, 255, (size[1], size[0], bands), dtype=np.uint8)
    data[:, :, 0] = np.linspace(0, 255, size[0], dtype=np.uint8)
    return Image.frombytes(mode, size, data.tobytes())


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """An encoded picture."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _exif(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x013B] = orientation, "A garden", "Anna"
    return exif.tobytes()


def segment(marker: int, content: bytes) -> bytes:
    """A JPEG segment."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def after_soi(data: bytes, *parts: bytes) -> bytes:
    """A JPEG with parts put at its beginning."""
    return data[:2] + b"".join(parts) + data[2:]


def _extended(size: int, own: str = "") -> bytes:
    """A JPEG whose packet goes on in segments of 40,000 bytes, stored out of order."""
    history = "x" * size
    more = xmp(f"<dc:source>{history}</dc:source>{own}")
    guid = hashlib.md5(more, usedforsecurity=False).hexdigest().upper().encode()
    parts = [
        segment(0xE1, MORE_SIGNATURE + guid + struct.pack(">II", len(more), at) + more[at : at + 40000])
        for at in range(0, len(more), 40000)
    ]
    note = f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{guid.decode()}"'
    main = segment(0xE1, XMP_SIGNATURE + xmp(attributes=note))
    return after_soi(saved(pixels(), "JPEG"), main, *reversed(parts))


def jpegs() -> dict[str, bytes]:
    """Odd JPEGs by name."""
    plain = saved(pixels(), "JPEG", quality=90)
    mpo = saved(pixels(), "MPO", save_all=True, append_images=[pixels(seed=1), pixels(seed=2)])
    packet = segment(0xE1, XMP_SIGNATURE + xmp(alt("de", "Ein Garten"), padding=2000))
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02\x78\0\x07Caption"
    second = saved(pixels(seed=3), "JPEG")
    return {
        "baseline": plain,
        "progressive": saved(pixels(), "JPEG", progressive=True),
        "cmyk": saved(pixels("CMYK"), "JPEG"),
        "grey": saved(pixels("L"), "JPEG"),
        "exif-icc": saved(pixels(), "JPEG", exif=_exif(), icc_profile=ICC),
        "restarts": saved(pixels(size=(200, 100)), "JPEG", restart_marker_blocks=3),
        "mpf": mpo,
        "mpf-before-xmp": _after_mpf(mpo, packet),
        "person-de": after_soi(plain, packet),
        "extended": _extended(100_000),
        "extended-person": _extended(70_000, alt("de", "Ein Garten")),
        "full-packet": after_soi(plain, segment(0xE1, XMP_SIGNATURE + xmp(f"<dc:source>{'y' * 64000}</dc:source>"))),
        "trailing-bytes": plain + b"\0\x01MOTION" + second,
        "fill-bytes": plain[:2] + b"\xff\xff\xff" + plain[2:],
        "iptc-comment": after_soi(plain, segment(0xED, iptc), segment(0xFE, b"a comment")),
    }


def _after_mpf(mpo: bytes, packet: bytes) -> bytes:
    """A list of further pictures whose XMP stands behind it, as some telephones write it."""
    at = mpo.index(b"MPF\0") - 4
    end = at + 2 + struct.unpack(">H", mpo[at + 2 : at + 4])[0]
    header, made = at + 8, bytearray(mpo[:end] + packet + mpo[end:])
    order = "<" if mpo[header : header + 2] == b"II" else ">"
    directory = header + struct.unpack_from(f"{order}I", mpo, header + 4)[0]
    for number in range(struct.unpack_from(f"{order}H", mpo, directory)[0]):
        tag, _, length, begin = struct.unpack_from(f"{order}HHII", mpo, directory + 2 + 12 * number)
        if tag == 0xB002:
            for entry in range(header + begin + 16, header + begin + length, 16):
                offset = struct.unpack_from(f"{order}I", mpo, entry + 8)[0]
                struct.pack_into(f"{order}I", made, entry + 8, offset + len(packet))
    return bytes(made)


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _with_chunks(data: bytes, *chunks: bytes) -> bytes:
    return data[:33] + b"".join(chunks) + data[33:]


def pngs() -> dict[str, bytes]:
    """Odd PNGs by name."""
    plain = saved(pixels(), "PNG")
    info = PngImagePlugin.PngInfo()
    info.add_itxt("Description", "Ein Garten", lang="de", tkey="Beschreibung")
    info.add_text("Author", "Anna", zip=True)
    palette = pixels("P")
    palette.putpalette(list(range(256)) * 3)
    packed = b"XML:com.adobe.xmp\0\x01\0\0\0" + zlib.compress(xmp())
    open_one = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(alt("de", "Ein Garten"))
    frames = [pixels("RGBA", seed=seed) for seed in range(3)]
    deep = Image.fromarray(np.arange(37 * 23, dtype=np.uint16).reshape(23, 37) * 70)
    idat = plain.index(b"IDAT") - 4
    first = plain.index(b"IEND") - 4
    body = plain[idat + 8 : first - 4]
    return {
        "rgb": plain,
        "palette-transparent": saved(palette, "PNG", transparency=3),
        "grey16": saved(deep, "PNG"),
        "one-bit": saved(pixels("L").convert("1"), "PNG"),
        "alpha": saved(pixels("RGBA"), "PNG"),
        "animated": saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=40, loop=2),
        "exif-icc": saved(pixels(), "PNG", exif=_exif(), icc_profile=ICC),
        "texts": saved(pixels(), "PNG", pnginfo=info),
        "compressed-xmp": _with_chunks(plain, png_chunk(b"iTXt", packed)),
        "person-de": plain[:first] + png_chunk(b"iTXt", open_one) + plain[first:],
        "many-idat": plain[:idat] + png_chunk(b"IDAT", body[:9]) + png_chunk(b"IDAT", body[9:]) + plain[first:],
        "private-chunk": _with_chunks(plain, png_chunk(b"prVt", b"of a scanner")),
        "trailing-bytes": plain + b"after the end",
    }


def webps() -> dict[str, bytes]:
    """Odd WebPs by name."""
    lossy, lossless = saved(pixels(), "WEBP", quality=80), saved(pixels(), "WEBP", lossless=True)
    frames = [pixels("RGBA", seed=seed) for seed in range(3)]
    held = saved(pixels(), "WEBP", xmp=xmp(alt("de", "Ein Garten")), exif=_exif(1))
    flag = held.index(b"VP8X") + 8
    return {
        "lossy": lossy,
        "lossless": lossless,
        "lossy-alpha": saved(pixels("RGBA"), "WEBP"),
        "lossless-alpha": saved(pixels("RGBA"), "WEBP", lossless=True, exact=True),
        "animated": saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=40, lossless=True),
        "exif": saved(pixels(), "WEBP", exif=_exif()),
        "icc": saved(pixels(), "WEBP", icc_profile=ICC),
        "person-de": held,
        "unflagged-xmp": held[:flag] + bytes([held[flag] & ~4]) + held[flag + 1 :],
        "trailing-bytes": lossless + b"after the end",
        "one-pixel": saved(pixels(size=(1, 1)), "WEBP", lossless=True),
        "even-and-odd-xmp": saved(pixels(), "WEBP", xmp=xmp(padding=1)),
    }


def tiff(
    pages: Sequence[Image.Image],
    *,
    order: str = "<",
    big: bool = False,
    packets: Sequence[bytes] = (),
    odd: bool = False,
) -> bytes:
    """An uncompressed TIFF of grey or RGB pages, written by hand in either byte order."""
    word, count, entry_form = ("Q", "Q", "HHQ") if big else ("I", "H", "HHI")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42)
    head += struct.pack(f"{order}HH", 8, 0) if big else b""
    made, width = bytearray(head + bytes(8 if big else 4)), struct.calcsize(word)
    pointer = len(made) - width
    for number, page in enumerate(pages):
        values = _fields(page, order, first=number == 0, strip_at=_put(made, page.tobytes()))
        if packets:
            values.append((700, 1, len(packets[number]), packets[number]))
        entries = b""
        for tag, kind, many, value in values:
            raw = struct.pack(f"{order}I", value) if isinstance(value, int) else value
            place = raw.ljust(width, b"\0") if len(raw) <= width else struct.pack(f"{order}{word}", _put(made, raw))
            entries += struct.pack(f"{order}{entry_form}", tag, kind, many) + place
        at = _put(made, struct.pack(f"{order}{count}", len(values)) + entries + bytes(width))
        struct.pack_into(f"{order}{word}", made, pointer, at)
        pointer = len(made) - width
    return bytes(made) + (b"!" if odd else b"")


def _fields(page: Image.Image, order: str, *, first: bool, strip_at: int) -> list[tuple[int, int, int, int | bytes]]:
    """Tag, type, count and value of a page whose pixels lie at `strip_at`."""
    bands = len(page.getbands())
    return [
        (254, 4, 1, 0 if first else 2),
        (256, 4, 1, page.width),
        (257, 4, 1, page.height),
        (258, 3, bands, struct.pack(f"{order}{bands}H", *[8] * bands)),
        (259, 3, 1, struct.pack(f"{order}H", 1)),
        (262, 3, 1, struct.pack(f"{order}H", 2 if bands == 3 else 1)),
        (270, 2, 40, b"A garden, as somebody wrote it in 1911.\0"),
        (273, 4, 1, strip_at),
        (277, 3, 1, struct.pack(f"{order}H", bands)),
        (278, 4, 1, page.height),
        (279, 4, 1, page.width * page.height * bands),
    ]


def _put(made: bytearray, part: bytes) -> int:
    made += bytes(len(made) % 2)
    place = len(made)
    made += part
    return place


def tiffs() -> dict[str, bytes]:
    """Odd TIFFs by name."""
    one, three = [pixels()], [pixels(), pixels("L", (11, 7)), pixels(seed=2)]
    wide = [xmp(alt("de", "Ein Garten"), padding=4000)]
    tags = ImageFileDirectory_v2()
    tags[315], tags[34377] = "Anna", b"8BIM\x04\x04\0\0\0\0\0\0"
    shared = tiff([pixels(), pixels("L")], packets=[xmp(), xmp()])
    return {
        "little": tiff(one),
        "big-endian": tiff(one, order=">"),
        "bigtiff": tiff(one, big=True),
        "bigtiff-big-endian": tiff(one, order=">", big=True),
        "three-pages": tiff(three),
        "three-pages-big-endian": tiff(three, order=">"),
        "person-de": tiff(one, packets=wide),
        "narrow-packet": tiff(one, packets=[xmp()]),
        "bigtiff-packet": tiff(one, big=True, packets=[xmp()]),
        "packet-a-page": shared,
        "odd-length": tiff(one, odd=True),
        "lzw-icc": saved(pixels("RGBA"), "TIFF", compression="tiff_lzw", icc_profile=ICC, tiffinfo=tags),
        "cmyk": saved(pixels("CMYK"), "TIFF"),
        "group4": saved(pixels("L").convert("1"), "TIFF", compression="group4"),
        "float": saved(Image.fromarray(np.linspace(0, 1, 23 * 37, dtype=np.float32).reshape(23, 37)), "TIFF"),
        "multi-lzw": saved(pixels(), "TIFF", save_all=True, append_images=[pixels(seed=1)], compression="tiff_lzw"),
    }


def all_of_them() -> dict[str, bytes]:
    """Every odd file, as `format/name.suffix`."""
    made = {"jpeg": jpegs(), "png": pngs(), "webp": webps(), "tiff": tiffs()}
    return {f"{kind}/{name}.{kind}": data for kind, files in made.items() for name, data in files.items()}
