"""The contact sheet: captioned pictures on one page that opens anywhere.

Enters: pictures' names, thumbnails and captions. Leaves: one HTML file without a script or a second file,
whose alt texts are the captions, as they would be on a museum's page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mezzetin.errors import FetchError, ImageError
from mezzetin.gauge import is_withheld
from mezzetin.pages import render
from mezzetin.pixels import thumbnail
from mezzetin.records import Caption
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import Place

UNLIKE_TRAINING = 0.5
_THUMBNAIL_SIDE = 480


@dataclass(frozen=True, slots=True)
class SheetItem:
    """One tile: the picture's name, its thumbnail as JPEG bytes (None where there is none), its caption."""

    name: str
    thumbnail: bytes | None
    caption: Caption


def sheet_items(rows: Iterable[tuple[str, Caption]], places: Iterable[str | Path]) -> list[SheetItem]:
    """The tiles of captioned pictures; `places` tell how those in a store are reached again, which names don't."""
    roots = [Place.of(place) for place in places]
    items = []
    for name, caption in rows:
        place = _again(name, roots)
        try:
            shown = caption.error is None or is_withheld(caption)
            picture = thumbnail(_encoded(place), _THUMBNAIL_SIDE) if shown else None
        except (ImageError, FetchError, OSError):
            picture = None
        items.append(SheetItem(place.name, picture, caption))
    return items


def _again(name: str, roots: Iterable[Place]) -> Place:
    """The place that a name stands for: names in a store leave out the signature that its root has."""
    for root in roots:
        if not root.is_local and name == str(root):
            return root
        if not root.is_local and name.startswith(f"{root}/"):
            return root / name.removeprefix(f"{root}/")
    return Place.of(name)


def _encoded(place: Place) -> bytes | Path:
    return Path(place.address.path) if place.is_local else place.read_bytes()


def write_contact_sheet(path: Path, items: Sequence[SheetItem], *, title: str, notice: str) -> None:
    """Write the contact sheet (WCAG 2.2 AA) of `items`, in their order, with the licence `notice`.

    Raises:
        OSError: `path` can't be written.

    """
    unlike = [item.caption.unlike_training for item in items if item.caption.error is None]
    values = {
        "title": title,
        "notice": notice,
        "items": items,
        "failed": [number for number, item in enumerate(items, 1) if item.caption.error],
        "done": sum(item.caption.error is None for item in items),
        "unlike": sum(share is not None and share >= UNLIKE_TRAINING for share in unlike),
        "unlike_from": UNLIKE_TRAINING,
        "models": list(dict.fromkeys(item.caption.model for item in items)),
    }
    write_atomically(path, render("contact_sheet.html", values))
