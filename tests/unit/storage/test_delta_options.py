from __future__ import annotations

import os

import pytest

from mezzetin.errors import InputError
from mezzetin.storage.delta import delta_options, reaching
from mezzetin.storage.paths import Place


@pytest.mark.parametrize("address", ["https://example.org/table", "memory://bucket/table", "/tables/50%20off"])
def test_places_where_no_table_can_be(address: str) -> None:
    with pytest.raises(InputError):
        delta_options(Place.of(address))


@pytest.mark.parametrize(
    ("address", "uri"),
    [("s3://bucket/a b/t", "s3://bucket/a%20b/t"), ("gs://bucket/t", "gs://bucket/t"), ("/a b/t", "/a b/t")],
)
def test_places_that_deltalake_reaches_itself(address: str, uri: str) -> None:
    assert delta_options(Place.of(address)) == (uri, {})


def test_a_mount_of_databricks_has_no_hard_links() -> None:
    assert delta_options(Place.of("/Volumes/a/b/c")) == ("/Volumes/a/b/c", {"allow_unsafe_rename": "true"})


KEY = "bm90IGEgcmVhbCBrZXk="
SAS = "sv=2024-11-04&sr=c&sp=rl&sig=bm90IHNpZ25lZA%3D%3D"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of Azure."""
    pytest.importorskip("azure.storage.blob")
    for name in [name for name in os.environ if name.startswith("AZUR")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_a_link_is_passed_on_without_its_address(bare: pytest.MonkeyPatch) -> None:
    place = Place.of(f"https://museum.blob.core.windows.net/pictures/a%20b?{SAS}")
    assert delta_options(place) == (
        "az://pictures/a%20b",
        {
            "azure_storage_account_name": "museum",
            "azure_storage_use_emulator": "false",
            "azure_storage_sas_token": SAS,
        },
    )


def test_a_key_of_the_environment_is_passed_on(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AZURE_STORAGE_ACCOUNT", "museum")
    bare.setenv("AZURE_STORAGE_KEY", KEY)
    _, options = delta_options(Place.of("az://pictures/table"))
    assert options["azure_storage_account_key"] == KEY
    assert options["azure_storage_account_name"] == "museum"


def test_clouds_of_other_names_are_named(bare: pytest.MonkeyPatch) -> None:
    _, options = delta_options(Place.of(f"https://museum.blob.core.chinacloudapi.cn/pictures/table?{SAS}"))
    assert options["azure_storage_endpoint"] == "https://museum.blob.core.chinacloudapi.cn"


def test_the_environments_key_is_hidden_while_a_link_is_used(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    place = Place.of(f"https://museum.blob.core.windows.net/pictures/table?{SAS}")
    with reaching(place):
        assert "AZURE_STORAGE_ACCOUNT_KEY" not in os.environ
    assert os.environ["AZURE_STORAGE_ACCOUNT_KEY"] == KEY
