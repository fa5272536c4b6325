"""A small house to publish: pictures with texts of every standing, restricted ones, and words that mean harm."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mezzetin.collection import people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, MachineText, Sighting
from mezzetin.publication.order import Exported, Order, Problem
from mezzetin.publication.rows import Selection
from mezzetin.records import ModelInfo
from mezzetin.storage.paths import Place

ANNA = Actor.person("anna.secret")
SMALL = Actor.machine("small")
HARM = "</script><script>alert(1)</script><!-- & \u2028 'quoted\" <b>"
EDITED, APPROVED, GIVEN, MACHINE, RESTRICTED = range(1, 6)
"""The numbers of the pictures, by the standing of their English alternative text; the last is approved, too."""


def jpeg(seed: int, width: int = 64, height: int = 48) -> bytes:
    """A drawn picture."""
    small = np.random.default_rng(seed).integers(60, 200, (6, 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(stream, "JPEG")
    return stream.getvalue()


def house(folder: Path, count: int = 5, **first: Any) -> Collection:
    """A collection of `count` pictures; `first` is further knowledge of the first one."""
    (folder / "originals").mkdir(parents=True, exist_ok=True)
    collection = Collection.open(folder / "house.sqlite", create=True)
    with collection.writing(SMALL, "collect") as writing:
        for number in range(1, count + 1):
            content = jpeg(number)
            path = folder / "originals" / f"{number}.jpg"
            path.write_bytes(content)
            known: dict[str, Any] = {"title": f"Picture no. {number}", "artist": "Judith Leyster", "date": "1630"}
            known |= {"licence": "CC BY-SA 4.0", "record_id": f"1972.{number}", "restricted": number == RESTRICTED}
            seen = pictures.see(
                writing,
                Sighting(
                    "drawn",
                    str(path),
                    sha256=hashlib.sha256(content).hexdigest(),
                    stamp="1",
                    width=64,
                    height=48,
                    **known | (first if number == 1 else {}),
                ),
            )
            assert seen.id == number
            said = MachineText(f"a dog on bench {number}", "en", "small", model=ModelInfo("small", "1", "s", "MIT"))
            texts.put_machine(writing, number, said)
    _decide(collection, count)
    return collection


def _decide(collection: Collection, count: int) -> None:
    with collection.writing(Actor.machine("import"), "import") as writing:
        texts.put_given(writing, GIVEN, "Two lutenists at a table.", lang="en")
        texts.put_given(writing, EDITED, "Ein Hund auf einer Bank.", lang="de")
        texts.put_given(writing, EDITED, "A long description of the dog.", lang="en", kind="description")
    for number in range(1, count + 1):
        own = next(text for text in texts.of_picture(collection, number) if text.source == "small")
        if number == EDITED:
            people.edit(collection, ANNA, own.id, f"A dog waits on a bench. {HARM}", version=own.version)
        elif number not in (GIVEN, MACHINE):
            people.approve(collection, ANNA, own.id, version=own.version)


def order(target: Path, *, overwrite: bool = False, **options: str) -> Order:
    """An order for approved texts."""
    return Order(Selection(), Place.of(target), overwrite=overwrite, options=options)


def order_all(target: Path, problems: list[Problem] | None = None, **options: str) -> Order:
    """An order for machine texts too, and for restricted pictures."""
    note = (lambda _: None) if problems is None else problems.append
    chosen = Selection("all", with_restricted=True)
    return Order(chosen, Place.of(target), options=options, note=note)


def empty(kind: str) -> Exported:
    """What came of an export that has not begun."""
    return Exported(kind)


def tree_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder by their names."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
