"""Collections with drawn confidences for the tests of this folder."""

from __future__ import annotations

import random
from pathlib import Path

from mezzetin.collection import pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, MachineText, Sighting
from mezzetin.records import ModelInfo

ANNA = Actor.person("anna")
BEN = Actor.person("ben")
SMALL = Actor.machine("small")


def filled(path: Path, count: int, *, signature: str = "s1", seed: int = 3) -> Collection:
    """A collection of `count` pictures, numbered from 1, each with a machine text of a drawn confidence."""
    drawn, collection = random.Random(seed), Collection.open(path, create=True)
    model = ModelInfo("small", "1", signature, "Apache-2.0")
    with collection.writing(SMALL, "collect") as writing:
        for number in range(1, count + 1):
            seen = pictures.see(writing, Sighting("folder", f"/p/{number}.jpg", sha256=f"{number:064x}"))
            assert seen.id is not None
            confidence = round(drawn.uniform(0.05, 0.95), 4)
            what = MachineText(f"A dog {number}.", "en", "small", "alt", confidence, 0.1, model)
            texts.put_machine(writing, seen.id, what)
    return collection


def rewrite(collection: Collection, picture: int, text: str, signature: str = "s2") -> None:
    """Let the machine say something else of a picture."""
    what = MachineText(text, "en", "small", "alt", 0.9, 0.1, ModelInfo("small", "2", signature, "Apache-2.0"))
    with collection.writing(SMALL, "collect") as writing:
        assert texts.put_machine(writing, picture, what) == "written"
