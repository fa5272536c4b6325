"""Delta tables in Blob storage, as an operator with the account's key and a colleague with a link meet them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("deltalake")

from mezzetin.data.dataset import Dataset
from mezzetin.data.delta import write_delta
from mezzetin.data.deltatable import open_delta, read_delta
from mezzetin.errors import DatasetError, InputError, StoreRefused
from mezzetin.storage.azure import credentials
from mezzetin.storage.delta import delta_options
from mezzetin.storage.paths import Place
from tests.azure.azurite import Azurite
from tests.azure.entra import EntraAzurite
from tests.unit.data.small_dataset import small_dataset

Made = Callable[..., Dataset]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A dataset of five pictures, named after what it is said to show."""

    def make(name: str) -> Dataset:
        return small_dataset(tmp_path / f"{name}.dataset", 5, prefix=name)

    return make


@pytest.fixture
def operator(azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Azurite:
    """Azurite, with its key in the environment."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AZURITE_BLOB_STORAGE_URL", raising=False)
    return azurite


@pytest.fixture
def colleague(azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Azurite:
    """Azurite, with nothing in the environment."""
    for name in [name for name in os.environ if name.startswith("AZUR")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "cache"))
    return azurite


def test_a_table_is_written_and_appended_to_twice(operator: Azurite, made: Made) -> None:
    table = f"az://{operator.container()}/tables/blüten und mehr"
    datasets = [made(name) for name in ("ant", "bee", "cat")]
    assert [write_delta(dataset, table).version for dataset in datasets] == [0, 1, 2]
    assert write_delta(datasets[1], table).state == "found"
    version, rows = read_delta(table)
    assert version == 2
    assert list(rows) == [row for dataset in datasets for row in dataset.rows()]
    assert list(open_delta(table, 1).rows(images=False)) == [
        row for dataset in datasets[:2] for row in dataset.rows(images=False)
    ]
    assert write_delta(datasets[2], table, mode="overwrite").version == 3
    assert list(read_delta(table)[1]) == list(datasets[2].rows())


def test_a_link_to_the_folder_is_enough(colleague: Azurite, made: Made) -> None:
    container = colleague.container()
    link = colleague.sas(container, folder="shared/table", permissions="racwl")
    ant, bee = made("ant"), made("bee")
    assert write_delta(ant, link).version == 0
    assert write_delta(bee, link).version == 1
    opened = open_delta(colleague.sas(container, folder="shared/table"))
    assert list(opened.rows()) == [*ant.rows(), *bee.rows()]
    assert "sig=" not in str(opened.manifest.provenance)


def test_a_link_to_read_with_writes_nothing(colleague: Azurite, made: Made) -> None:
    container = colleague.container()
    write_delta(made("ant"), colleague.sas(container, folder="table", permissions="racwl"))
    before = colleague.names(container)
    with pytest.raises(StoreRefused, match="the link lacks the permission Create and Write") as caught:
        write_delta(made("bee"), colleague.sas(container, folder="table"))
    assert "sig=" not in str(caught.value)
    assert colleague.names(container) == before
    with pytest.raises(StoreRefused, match="the link expired"):
        open_delta(colleague.sas(container, folder="table", expires_in=-60))


def test_a_link_counts_though_the_environment_has_a_key(
    colleague: Azurite, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log's own writer prefers AZURE_STORAGE_ACCOUNT_KEY: with a wrong one there, only the link can be used."""
    container = colleague.container()
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "bm90IHRoZSBrZXk=")
    link = colleague.sas(container, folder="table", permissions="racwl")
    assert write_delta(made("ant"), link).version == 0
    assert write_delta(made("bee"), link).version == 1
    assert open_delta(link).count() == 10
    assert os.environ["AZURE_STORAGE_ACCOUNT_KEY"] == "bm90IHRoZSBrZXk="


def test_somebodys_request_reads_no_table(operator: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZETIN_STORE_HOSTS", f"127.0.0.1:{operator.port}")
    with pytest.raises(InputError, match="not read from an address that came with a request"):
        delta_options(Place.of_stranger(operator.sas(operator.container(), folder="table")))


def test_a_container_that_is_not_there(operator: Azurite, made: Made) -> None:
    with pytest.raises(DatasetError, match="is no Delta table"):
        open_delta("az://nowhere/table")


def test_pictures_are_fetched_once_and_only_when_wanted(operator: Azurite, made: Made, tmp_path: Path) -> None:
    table = f"az://{operator.container()}/table"
    dataset = made("ant")
    write_delta(dataset, table)
    opened = open_delta(table)
    assert not list((tmp_path / "cache").rglob("*"))
    assert list(opened.rows()) == list(dataset.rows())
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.name for path in kept] == list(dataset.manifest.parts.values())
    assert list(opened.rows()) == list(dataset.rows())


def test_an_entra_token_reaches_the_log_too(
    entra_azurite: EntraAzurite, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AZUR")]:
        monkeypatch.delenv(name)
    signed = entra_azurite.credential()
    monkeypatch.setattr(credentials, "identity", lambda: (signed, "a test"))
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(entra_azurite.authority))
    monkeypatch.setenv("MEZZETIN_STORE_HOSTS", "127.0.0.1")
    table = f"{entra_azurite.endpoint}/{entra_azurite.container()}/table"
    ant, bee = made("ant"), made("bee")
    assert [write_delta(dataset, table).version for dataset in (ant, bee)] == [0, 1]
    assert open_delta(table).count() == 10
    assert signed.asked
