"""The comparison's files: `comparison.json`, the captions of each side, and one page without a script.

Enters: a comparison and its task. Leaves: a folder. The page stays under 5 MB; thumbnails that would take it past
that are left out and counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mezzetin.evaluation.comparison import Apart, Comparison, Pair
from mezzetin.evaluation.contestant import Task, keep_captions
from mezzetin.pages import render
from mezzetin.pixels import thumbnail
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing

LARGEST_PAGE = 5_000_000
PAGE = "comparison.html"
FACTS = "comparison.json"
_SHOWN, _SHOWN_IN_ALL = 6, 60
_SIDE = 320


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the page: what was said of it, its thumbnail as JPEG bytes or None, and its references."""

    apart: Apart
    thumbnail: bytes | None
    references: tuple[str, ...]


def keep_comparison(found: Comparison, task: Task, folder: Path) -> None:
    """Write all files of a comparison to `folder`.

    Raises:
        EnvironmentProblem: the folder can't be written.

    """
    each = max(1, min(_SHOWN, _SHOWN_IN_ALL // (2 * len(found.pairs))))
    aparts = [apart for pair in found.pairs for side in (pair.gained, pair.lost) for apart in side[:each]]
    pictures = _thumbnails(task, {apart.image for apart in aparts})
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for entrant in found.entrants:
            keep_captions(entrant.contestant, task, folder)
        write_atomically(folder / FACTS, (json.dumps(found.to_json(), indent=1) + "\n").encode())
        write_atomically(folder / PAGE, _page(found, task, pictures, aparts, each))


def _thumbnails(task: Task, names: set[str]) -> dict[str, bytes]:
    return {
        row.image_id: thumbnail(row.image, _SIDE)
        for row in task.dataset.rows({task.split})
        if row.image_id in names and row.image is not None
    }


def _page(found: Comparison, task: Task, pictures: Mapping[str, bytes], aparts: Sequence[Apart], each: int) -> bytes:
    room = LARGEST_PAGE - len(_rendered(found, task, {}, 0, each))
    kept: dict[str, bytes] = {}
    for apart in aparts:
        picture = pictures.get(apart.image)
        if picture is None:
            continue
        # A picture may be shown for several pairs, and base64 makes four bytes of three.
        size = sum(other.image == apart.image for other in aparts) * (len(picture) * 4 // 3 + 300)
        if apart.image not in kept and size <= room:
            kept[apart.image] = picture
            room -= size
    left_out = len({apart.image for apart in aparts} & pictures.keys() - kept.keys())
    return _rendered(found, task, kept, left_out, each)


def _rendered(found: Comparison, task: Task, pictures: Mapping[str, bytes], left_out: int, each: int) -> bytes:
    references = dict(zip(task.names, task.references, strict=True))

    def shown(aparts: Iterable[Apart]) -> list[Shown]:
        return [Shown(apart, pictures.get(apart.image), references[apart.image]) for apart in aparts]

    def view(pair: Pair) -> dict[str, Any]:
        return {"pair": pair, "gained": shown(pair.gained[:each]), "lost": shown(pair.lost[:each])}

    names = [entrant.contestant.name for entrant in found.entrants]
    columns = zip(*(entrant.scores for entrant in found.entrants), strict=True)
    values = {
        "title": f"{' and '.join(names[:2])}, compared" if len(names) == 2 else f"{len(names)} captioners, compared",
        "found": found,
        "dataset": task.dataset.folder.name,
        "language": task.dataset.manifest.language,
        "rows": [{"name": scores[0].name, "scores": scores} for scores in columns],
        "views": [view(pair) for pair in found.pairs],
        "left_out": left_out,
    }
    return render("comparison.html", values)
