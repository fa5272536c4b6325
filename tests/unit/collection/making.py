"""Small collections for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

from mezzetin.collection import pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, MachineText, Sighting
from mezzetin.records import Alternative, ModelInfo, Token

ANNA = Actor.person("anna")
BEN = Actor.person("ben")
SMALL = Actor.machine("small")


def model(signature: str = "s1", name: str = "small") -> ModelInfo:
    return ModelInfo(name, "1", signature, "Apache-2.0")


def said(
    text: str, *, source: str = "small", signature: str = "s1", confidence: float = 0.5, lang: str = "en"
) -> MachineText:
    return MachineText(
        text,
        lang,
        source,
        confidence=confidence,
        unlike_training=0.1,
        model=model(signature, source),
        alternatives=(Alternative(f"{text} too", -2.5),),
        tokens=(Token(text, 0.9),),
    )


def put(collection: Collection, picture: int, what: MachineText, run: int | None = None) -> str:
    with collection.writing(SMALL, "collect", run) as writing:
        return texts.put_machine(writing, picture, what)


def filled(path: Path, count: int = 3) -> Collection:
    """A collection of `count` pictures, numbered from 1, with a machine text each; the later the surer."""
    collection = Collection.open(path, create=True)
    with collection.writing(SMALL, "collect") as writing:
        for number in range(1, count + 1):
            seen = pictures.see(
                writing, Sighting("folder", f"/p/{number}.jpg", sha256=f"{number:064x}", title=f"No {number}")
            )
            assert seen.id is not None
            texts.put_machine(writing, seen.id, said(f"a dog {number}", confidence=number / (count + 1)))
    return collection
