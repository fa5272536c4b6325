"""The contact sheet: captioned pictures on one page that opens anywhere.

Enters: pictures' names, thumbnails and captions. Leaves: one HTML file without a script or a second file,
whose alt texts are the captions, as they would be on a museum's page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mezzetin.pages import render
from mezzetin.records import Caption
from mezzetin.storage.manifest import write_atomically

UNLIKE_TRAINING = 0.5


@dataclass(frozen=True, slots=True)
class SheetItem:
    """One tile: the picture's name, its thumbnail as JPEG bytes (None where there is none), its caption."""

    name: str
    thumbnail: bytes | None
    caption: Caption


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
