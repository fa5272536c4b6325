"""Embedding: texts into the XMP of a copy of a picture, whose every other byte stays as it is.

Enters: a picture file and the claims of its pages. Leaves: the file anew, checked before anybody sees it: its parts
other than XMP have the digest that they had, its XMP reads as it was meant, and a decoder still knows it for the same
picture. Nothing is decoded and encoded again, so that pixels stay as they are to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mezzetin.errors import ImageError
from mezzetin.pixels import read_header
from mezzetin.pixels.formats import HEAD_BYTES, sniff
from mezzetin.publication.claims import Claim
from mezzetin.publication.embedding.container import Container
from mezzetin.publication.embedding.jpeg import Jpeg
from mezzetin.publication.embedding.png import Png
from mezzetin.publication.embedding.tiff import Tiff
from mezzetin.publication.embedding.webp import Webp
from mezzetin.publication.merging import Merged, merge
from mezzetin.publication.packets import foreign, spoken
from mezzetin.publication.splicing import splice_file

CONTAINERS: dict[str, Callable[[IO[bytes]], Container]] = {"jpeg": Jpeg, "png": Png, "webp": Webp, "tiff": Tiff}
"""The formats that texts are put into, by their names in `pixels.FORMATS`."""
_ENDLESS = 1 << 62


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of the claims; `changed` is False where the file has nothing new to say and none was written."""

    changed: bool
    written: tuple[Claim, ...]
    same: tuple[Claim, ...]
    kept: tuple[Claim, ...]


def embed(source: Path, claims: Mapping[int, Sequence[Claim]], target: Path) -> Embedded:
    """Write a picture with claims, by page, to a new file `target`; where nothing changes, write nothing.

    Raises:
        ImageError: `unsupported_format`, `undecodable`, `bad_xmp`, `too_large`, or `not_proven` where the result is not
            what it should be: then there is no target.
        OSError: a file can't be read or written.

    """
    with source.open("rb") as stream:
        container = open_container(stream)
        merged = {page: merge(container.packets(page), asked) for page, asked in claims.items()}
        changing = {page: one for page, one in merged.items() if one.added}
        if changing:
            try:
                splices = container.splices(changing)
                with target.open("wb") as made:
                    splice_file(stream, splices, made)
                _prove(source, container.rest(), changing, target)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
    return Embedded(
        bool(changing),
        tuple(claim for one in merged.values() for claim in one.written),
        tuple(claim for one in merged.values() for claim in one.same),
        tuple(claim for one in merged.values() for claim in one.kept),
    )


def open_container(stream: IO[bytes]) -> Container:
    """Find the parts of a picture file.

    Raises:
        ImageError: `empty`, `unsupported_format` or `undecodable`.

    """
    stream.seek(0)
    name = sniff(stream.read(HEAD_BYTES))
    if name not in CONTAINERS:
        raise ImageError("unsupported_format", f"a {name.upper()} holds no texts: use a sidecar (--format xmp)")
    return CONTAINERS[name](stream)


def foreign_texts(path: Path, pages: Sequence[int]) -> set[tuple[str, str]]:
    """The texts in a picture that we did not write, as (property, text).

    Raises:
        ImageError: as `embed`.

    """
    with path.open("rb") as stream:
        container = open_container(stream)
        return {text for page in pages for text in foreign(container.packets(page))}


def _prove(source: Path, rest: str, merged: Mapping[int, Merged], target: Path) -> None:
    """Read the new file as a stranger would.

    Raises:
        ImageError: `not_proven`.

    """
    with target.open("rb") as stream:
        try:
            made = open_container(stream)
            held = {page: spoken(made.packets(page)) for page in merged}
            same = made.rest() == rest
        except ImageError as error:
            raise ImageError("not_proven", f"the new file could not be read again ({error}): report it") from error
    for page, one in merged.items():
        same &= all((claim.lang, claim.text) in held[page].get(claim.name, ()) for claim in one.written)
    if not same or _header(source) != _header(target):
        raise ImageError(
            "not_proven", "with texts in it more of it would change, as where parts overlap: it stays as it is"
        )


def _header(path: Path) -> object:
    """What a decoder says of a picture without decoding it, or the code of its refusal."""
    try:
        return read_header(path, max_pixels=_ENDLESS)
    except ImageError as error:
        return error.code
