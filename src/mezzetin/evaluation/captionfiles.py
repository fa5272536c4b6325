"""Files of captions: what somebody's captioner said of a split, read to be judged, and written the same way.

Enters: `captions.jsonl` as `evaluate` keeps it, COCO's results (a JSON list of `image_id` and `caption`), or a CSV with
the columns `image` and `caption`. Leaves: a caption for every picture of the split, no more and no fewer.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place, reading

_ROOM = 100
"""Letters that the names of pictures take in a message, of each kind."""
_ENDING = re.compile(r"(\d+)(?:\.\w+)?$")


def read_captions(place: Place, names: Sequence[str], split: str) -> tuple[str, ...]:
    """The captions that a file has for the pictures `names` of a split, in their order.

    A number in COCO's results stands for the one picture whose name ends in it.

    Raises:
        DatasetError: the file is no such file, or pictures of the split are missing, twice in it, or unknown; the
            message names as many as fit in a line.
        EnvironmentProblem: it can't be read.

    """
    with reading(place):
        content = place.read_bytes()
    numbers = _numbers(names)
    known = set(names)
    captions: dict[str, str] = {}
    unknown: list[str] = []
    twice: list[str] = []
    for image, caption in _rows(place, content):
        name = image if image in known else numbers.get(image.lstrip("0") or "0", image)
        if name not in known:
            unknown.append(name)
        elif name in captions:
            twice.append(name)
        captions[name] = caption
    missing = [name for name in names if name not in captions]
    if missing or twice or unknown:
        raise DatasetError(_misfit(place, split, len(names), missing, twice, unknown))
    return tuple(captions[name] for name in names)


def read_some(place: Place) -> dict[str, str]:
    """The captions that a file has by the names of their pictures, however many; raises what `read_captions` does."""
    with reading(place):
        content = place.read_bytes()
    return dict(_rows(place, content))


def captions_lines(names: Sequence[str], captions: Sequence[str], references: Sequence[Sequence[str]]) -> bytes:
    """The content of a `captions.jsonl`."""
    rows = zip(names, captions, references, strict=True)
    lines = ({"image": name, "caption": caption, "references": list(own)} for name, caption, own in rows)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode("utf-8", "replace")


def _rows(place: Place, content: bytes) -> Iterator[tuple[str, str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{place} is not UTF-8 text: name a file of captions (.jsonl, .json, .csv)") from error
    ending = place.name.lower().rpartition(".")[2]
    if ending == "csv":
        yield from _csv_rows(place, text)
    elif ending == "json" or text.lstrip().startswith("["):
        yield from _coco_rows(place, text)
    else:
        yield from _json_lines(place, text)


def _csv_rows(place: Place, text: str) -> Iterator[tuple[str, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if not {"image", "caption"} <= set(reader.fieldnames or ()):
        raise DatasetError(f"{place} has no columns image and caption in its first line: name them there")
    try:
        for row in reader:
            yield _pair(place, f"line {reader.line_num}", row["image"], row["caption"])
    except csv.Error as error:
        raise DatasetError(f"{place} line {reader.line_num} is no CSV ({error}): mend or write it again") from error


def _coco_rows(place: Place, text: str) -> Iterator[tuple[str, str]]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"{place} is no JSON ({error}): mend or write it again") from error
    if not isinstance(rows, list):
        raise DatasetError(f"{place} is not a list of COCO results: write [{{image_id, caption}}, …]")
    for number, row in enumerate(rows, start=1):
        yield _pair(place, f"entry {number}", *_fields(row, "image_id"))


def _json_lines(place: Place, text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DatasetError(f"{place} line {number} is no JSON ({error}): mend or write it again") from error
            yield _pair(place, f"line {number}", *_fields(row, "image"))


def _fields(row: Any, key: str) -> tuple[Any, Any]:
    return (row.get(key), row.get("caption")) if isinstance(row, dict) else (None, None)


def _pair(place: Place, where: str, image: Any, caption: Any) -> tuple[str, str]:
    if isinstance(image, bool) or not isinstance(image, str | int) or not isinstance(caption, str):
        raise DatasetError(f"{place} {where} has no picture's name with a caption: mend it or leave it out")
    return str(image), caption


def _numbers(names: Sequence[str]) -> dict[str, str]:
    """Pictures by the number that their name ends in, where no other one's does."""
    found: dict[str, list[str]] = {}
    for name in names:
        if ending := _ENDING.search(name):
            found.setdefault(ending[1].lstrip("0") or "0", []).append(name)
    return {number: own[0] for number, own in found.items() if len(own) == 1}


def _misfit(
    place: Place, split: str, total: int, missing: Sequence[str], twice: Sequence[str], unknown: Sequence[str]
) -> str:
    parts = [
        f"{len(names):,} {what} ({_as_many_as_fit(names)})"
        for names, what in (
            (missing, f"of {total:,} pictures missing"),
            (twice, "more than once"),
            (unknown, "not in the split"),
        )
        if names
    ]
    return f"{place} does not fit split {split!r}: {'; '.join(parts)}: give each picture of the split one caption"


def _as_many_as_fit(names: Sequence[str]) -> str:
    shown: list[str] = []
    for name in names:
        if shown and len(", ".join([*shown, name])) > _ROOM:
            return f"{', '.join(shown)}, …"
        shown.append(name if len(name) <= _ROOM else f"{name[:_ROOM]}…")
    return ", ".join(shown)
