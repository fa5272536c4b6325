"""Exporting to Azure Blob storage, and pictures that lie there: tables, copies, sidecars, a second run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mezzetin import api
from mezzetin.collection import people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Sighting
from mezzetin.errors import StoreRefused
from mezzetin.publication.packets import spoken
from tests.azure.azurite import Azurite
from tests.unit.collection.making import ANNA, SMALL, put, said
from tests.unit.publication.odd_pictures import pixels, saved


@pytest.fixture
def operator(azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "cache"))
    return azurite.container()


def house(path: Path, azurite: Azurite, container: str) -> Path:
    """Four approved pictures of a container."""
    source = f"az://{container}/masters"
    with Collection.open(path, create=True) as collection:
        for number, kind in enumerate(("JPEG", "PNG", "WEBP", "TIFF")):
            azurite.put(container, f"masters/{number}.{kind.lower()}", saved(pixels(), kind))
            with collection.writing(SMALL, "collect") as writing:
                pictures.see(writing, Sighting(source, f"{source}/{number}.{kind.lower()}"))
            put(collection, number + 1, said(f"a dog {number}"))
            people.approve(collection, ANNA, texts.of_picture(collection, number + 1)[0].id, version=1)
    return path


def test_from_a_store_into_a_store_and_again(tmp_path: Path, azurite: Azurite, operator: str) -> None:
    collection = house(tmp_path / "c.sqlite", azurite, operator)
    out = f"az://{operator}/out"
    assert api.export(collection, f"{out}.csv", format="csv").texts == 4
    assert azurite.get(operator, "out.csv").count(b"\r\n") == 5
    for form in ("embed", "xmp"):
        assert api.export(collection, f"{out}/{form}", format=form).files == {"written": 4}
        assert api.export(collection, f"{out}/{form}", format=form).files == {"same": 4}
    names = sorted(name for name in azurite.names(operator) if name.startswith("out/"))
    assert names == [
        *(f"out/embed/{number}.{kind}" for number, kind in enumerate(("jpeg", "png", "webp", "tiff"))),
        *(f"out/xmp/{number}.{kind}.xmp" for number, kind in enumerate(("jpeg", "png", "webp", "tiff"))),
    ]
    azurite.put(operator, "out/xmp/0.jpeg.xmp", b"mine")
    assert dict(api.export(collection, f"{out}/xmp", format="xmp").problems) == {"exists": 1}
    assert azurite.get(operator, "out/xmp/0.jpeg.xmp") == b"mine"
    assert api.export(collection, format="xmp", in_place=True).files == {"written": 4}
    held = spoken((azurite.get(operator, "masters/2.webp.xmp"),))
    assert held["AltTextAccessibility"] == [("x-default", "a dog 2"), ("en", "a dog 2")]
    assert dict(api.export(collection, format="embed", in_place=True).problems) == {"remote": 4}


def test_a_link_that_only_reads_ends_the_run_without_its_signature(
    tmp_path: Path, azurite: Azurite, operator: str
) -> None:
    collection = house(tmp_path / "c.sqlite", azurite, operator)
    link = azurite.sas(operator, folder="out")
    with pytest.raises(StoreRefused) as raised:
        api.export(collection, link, format="xmp")
    assert "sig=" not in str(raised.value)
