"""Collecting from Azure Blob storage by a SAS link, which is never kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mezzetin import api, cli
from mezzetin.captioner import load_captioner
from mezzetin.collection import pictures
from mezzetin.collection.opening import Collection
from mezzetin.errors import StoreRefused
from tests.azure.azurite import Azurite
from tests.unit.collection_sources.museum import painted


def test_a_sas_link_is_collected_and_renewed(tmp_path: Path, azurite: Azurite) -> None:
    container, target, captioner = azurite.container(), tmp_path / "c.sqlite", load_captioner(beam=1)
    for number in range(6):
        azurite.put(container, f"masters/deep/p{number}.jpg", painted(number))
    azurite.put(container, "masters/notes.txt", b"no picture")
    azurite.put(container, "elsewhere.jpg", painted(9))
    link = azurite.sas(container, folder="masters")
    first = api.collect(link, target, captioners=[captioner])
    assert (first.described, first.what["new"]) == (6, 6)
    signature = link.partition("sig=")[2].partition("&")[0]
    assert all(signature.encode() not in file.read_bytes() for file in tmp_path.glob("c.sqlite*"))
    # Another link to the same folder is the same source; what was written anew has another ETag.
    azurite.put(container, "masters/deep/p0.jpg", painted(20))
    azurite.put(container, "masters/deep/p1.jpg", painted(1))
    azurite.put(container, "masters/moved.jpg", painted(2))
    with azurite.client() as client:
        client.get_blob_client(container, "masters/deep/p2.jpg").delete_blob()
        client.get_blob_client(container, "masters/deep/p3.jpg").delete_blob()
    again = api.collect(azurite.sas(container, folder="masters", expires_in=7200), target, captioners=[captioner])
    assert again.what == {"changed": 1, "moved": 1, "same": 3}
    assert (again.described, again.gone) == (1, 1)
    with Collection.open(target) as collection:
        assert pictures.counts(collection) == {"done": 5, "gone": 1}
        assert pictures.find(collection, "moved.jpg")[0].uri == f"{azurite.endpoint}/{container}/masters/moved.jpg"


def test_a_link_that_expired_ends_the_run_and_loses_nothing(
    tmp_path: Path, azurite: Azurite, capsys: pytest.CaptureFixture[str]
) -> None:
    container, target, captioner = azurite.container(), tmp_path / "c.sqlite", load_captioner(beam=1)
    azurite.put(container, "p0.jpg", painted(0))
    api.collect(azurite.sas(container), target, captioners=[captioner])
    expired = azurite.sas(container, expires_in=-60)
    with pytest.raises(StoreRefused):
        api.collect(expired, target, captioners=[captioner])
    assert cli.run(["collect", expired, str(target), "--json"]) == 3
    assert "sig=" not in json.dumps(capsys.readouterr())
    with Collection.open(target) as collection:
        assert pictures.counts(collection) == {"done": 1}
