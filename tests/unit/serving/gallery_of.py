"""A collection to look at: pictures that everybody may see, one that must not leave the house, one nobody described."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import quote

import httpx2

from mezzetin.captioner import BundleCaptioner
from mezzetin.collection import people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, MachineText, Sighting
from mezzetin.collection.vectors import put_picture
from mezzetin.records import ItemError

SMALL, ANNA = Actor.machine("small"), Actor.person("anna")
HOSTILE = '<script>window.stolen = 1</script><img src=x onerror="window.stolen = 1">{{ 7 * 7 }}\u202egpj'
#: number: (machine text, title, artist, date)
RECORDS = {
    1: ("A dog runs on grass.", "The dog", "Judith Leyster", "1630"),
    2: ("A boat lies in the harbour.", HOSTILE, "Frans Hals", "c. 1650"),
    3: ("Two people sit on a bench.", None, "Émilie du Châtelet", "18th century"),
    4: ("A secret letter on a table.", "Not for the world", "Frans Hals", "1640"),
    5: ("An unchecked lutenist plays.", "Unread", None, None),
    6: ("A horse, says the machine.", "Het paard", "Frans Hals", "1889-05-02"),
}


def gallery(path: Path, files: dict[int, bytes], captioner: BundleCaptioner | None = None) -> Collection:
    """1 is approved, 2 edited, 3 and 5 are a machine's alone, 4 is approved and restricted, 6 has a museum's text too.

    Any further number is a machine's, without a record.
    """
    collection = Collection.open(path, create=True)
    folder = path.parent / "pictures"
    folder.mkdir(exist_ok=True)
    with collection.writing(SMALL, "collect") as writing:
        for number, content in files.items():
            file = folder / f"{number}.jpg"
            file.write_bytes(content)
            words, title, artist, date = RECORDS.get(number, (f"A field, number {number}.", None, None, None))
            seen = Sighting(
                "drawn",
                str(file),
                sha256=hashlib.sha256(content).hexdigest(),
                stamp="1",
                title=title,
                artist=artist,
                date=date,
                licence="https://creativecommons.org/publicdomain/zero/1.0/" if number == 1 else None,
                rights="The house" if number == 1 else None,
                restricted=number == 4,
            )
            assert pictures.see(writing, seen).id == number
            texts.put_machine(writing, number, MachineText(words, "en", "small", confidence=0.5))
            vector = captioner.picture_vectors([content])[0] if captioner and captioner.space else None
            if captioner and captioner.space and vector is not None and not isinstance(vector, ItemError):
                put_picture(writing, number, captioner.space, vector, seen.sha256)
    with collection.writing(Actor.machine("import"), "import") as writing:
        texts.put_given(writing, 6, "Een paard in de wei.", lang="nl")
    for number in (1, 4):
        people.approve(collection, ANNA, number, version=1)
    people.edit(collection, ANNA, 2, "A <b>sloop</b> in the harbour.", version=1)
    return collection


def numbers(page: str) -> list[int]:
    """The pictures on a page, in order."""
    return [int(number) for number in re.findall(r'<li class="tile" id="p(\d+)"', page)]


def token(page: str) -> str:
    """The CSRF token of a page's form."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def sign_in(client: httpx2.Client, name: str, password: str, target: str = "/gallery") -> httpx2.Response:
    """Sign in through the page."""
    page = client.get(f"/sign-in?next={quote(target)}")
    form = {"csrf_token": token(page.text), "name": name, "password": password, "next": target}
    return client.post("/sign-in", data=form, headers={"Origin": str(client.base_url).rstrip("/")})
