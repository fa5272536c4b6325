"""A collection to review: drawn pictures with machine texts, a museum's text, and titles that mean harm."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from mezzetin.collection import pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, MachineText, Sighting
from mezzetin.records import Alternative, ModelInfo

SMALL = Actor.machine("small")
HOSTILE = (
    "<script>window.stolen = 1</script><img src=x onerror=window.stolen=1>",
    "'; DROP TABLE texts; --",
    "\u202egpj.exe مرحبا بالعالم",
    "x" * 10_000,
    "a\0b\x1b[31m",
    "{{ 7 * 7 }}",
)


def museum(path: Path, files: Mapping[str, bytes], *, titles: tuple[str, ...] = HOSTILE) -> Collection:
    """A collection of these files; the text of picture 1 is the least certain, and so on."""
    collection = Collection.open(path, create=True)
    folder = path.parent / "pictures"
    folder.mkdir(exist_ok=True)
    with collection.writing(SMALL, "collect") as writing:
        for number, (name, content) in enumerate(files.items(), start=1):
            (folder / name).write_bytes(content)
            seen = pictures.see(
                writing,
                Sighting(
                    "drawn",
                    str(folder / name),
                    sha256=hashlib.sha256(content).hexdigest(),
                    stamp="1",
                    title=titles[(number - 1) % len(titles)],
                    artist="Frans Hals",
                    record_id=f"1972.{number}",
                ),
            )
            assert seen.id == number
            texts.put_machine(writing, number, said(number, number / (len(files) + 1)))
    with collection.writing(Actor.machine("import"), "import") as writing:
        texts.put_given(writing, len(files), "Portrait of a lutenist.", lang="en")
    return collection


def said(number: int, confidence: float, signature: str = "s1") -> MachineText:
    """What the captioner of these tests says of a picture."""
    return MachineText(
        f"A person sitting on bench {number}, seen by {signature}.",
        "en",
        "small",
        confidence=confidence,
        unlike_training=0.1,
        model=ModelInfo("small", "1", signature, "Apache-2.0"),
        alternatives=(Alternative(f"A man on bench {number}.", -2.0), Alternative("Somebody plays.", -2.5)),
    )
