from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import InputError
from mezzetin.storage.address import is_azure_host, parse, without_secrets
from mezzetin.storage.paths import Place

SAS = "sv=2024-11-04&sr=c&sp=rl&se=2030-01-01T00%3A00%3A00Z&sig=c2VjcmV0%2Bc2VjcmV0%3D"
ACCOUNT = "https://gallery.blob.core.windows.net"
#: Names as blobs may have them: anything but controls, backslashes and empty, `.` or `..` parts.
LETTERS = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\\")
PARTS = st.text(LETTERS, min_size=1, max_size=12).filter(lambda part: part not in (".", ".."))
PATHS = st.lists(PARTS, max_size=4).map("/".join)
CONTAINERS = st.from_regex(r"[a-z0-9][a-z0-9-]{2,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "endpoint", "container", "path"),
    [
        ("az://paintings/1717", "", "paintings", "1717"),
        ("az://paintings", "", "paintings", ""),
        ("az://paintings/", "", "paintings", ""),
        ("abfss://paintings@gallery.dfs.core.windows.net/1717/a b.jpg", ACCOUNT, "paintings", "1717/a b.jpg"),
        ("abfs://paintings@gallery.dfs.core.windows.net", ACCOUNT, "paintings", ""),
        ("wasbs://paintings@gallery.blob.core.windows.net/1717", ACCOUNT, "paintings", "1717"),
        (f"{ACCOUNT}/paintings/1717/a.jpg", ACCOUNT, "paintings", "1717/a.jpg"),
        (f"{ACCOUNT}/paintings?{SAS}", ACCOUNT, "paintings", ""),
        (f"{ACCOUNT}/paintings/1717/?{SAS}", ACCOUNT, "paintings", "1717"),
        ("https://Gallery.BLOB.core.windows.net/paintings/A.jpg", ACCOUNT, "paintings", "A.jpg"),
        ("https://gallery.dfs.core.windows.net/paintings/1717", ACCOUNT, "paintings", "1717"),
        (f"{ACCOUNT}/paintings/f%C3%AAte%20%23%3F%25.jpg", ACCOUNT, "paintings", "fête #?%.jpg"),
        (
            f"http://127.0.0.1:10000/devstoreaccount1/paintings/1717?{SAS}",
            "http://127.0.0.1:10000/devstoreaccount1",
            "paintings",
            "1717",
        ),
        (
            "http://localhost:10000/devstoreaccount1/paintings",
            "http://localhost:10000/devstoreaccount1",
            "paintings",
            "",
        ),
        (f"http://azurite:10000/another/paintings?{SAS}", "http://azurite:10000/another", "paintings", ""),
        (f"https://[::1]:10000/another/paintings?{SAS}", "https://[::1]:10000/another", "paintings", ""),
        (
            f"https://pictures.museum.example/paintings/a.jpg?{SAS}",
            "https://pictures.museum.example",
            "paintings",
            "a.jpg",
        ),
        (f"{ACCOUNT}/a.jpg?{SAS.replace('sr=c', 'sr=b')}", ACCOUNT, "$root", "a.jpg"),
        (f"{ACCOUNT}/$root/a.jpg", ACCOUNT, "$root", "a.jpg"),
    ],
)
def test_azure_in_every_spelling(text: str, endpoint: str, container: str, path: str) -> None:
    found = parse(text)
    assert (found.kind, found.endpoint, found.container, found.path) == ("azure", endpoint, container, path)


@pytest.mark.parametrize(
    "host",
    [
        "gallery.blob.core.windows.net",
        "gallery-secondary.blob.core.windows.net",
        "gallery.privatelink.blob.core.windows.net",
        "gallery.z6.blob.storage.azure.net",
        "gallery.dfs.core.windows.net",
        "gallery.blob.core.chinacloudapi.cn",
        "gallery.blob.core.usgovcloudapi.net",
        "onelake.dfs.fabric.microsoft.com",
    ],
)
def test_hosts_of_azure_in_every_cloud(host: str) -> None:
    assert is_azure_host(host)
    found = parse(f"https://{host}/paintings/1717")
    assert (found.kind, found.container, found.path) == ("azure", "paintings", "1717")
    assert found.endpoint == f"https://{host}".replace(".dfs.", ".blob.")


@pytest.mark.parametrize(
    "host",
    [
        "blob.core.windows.net",
        "gallery.blob.core.windows.net.evil.example",
        "evilblob.core.windows.net",
        "gallery.blob.core.windows.net.",
        "gallery.file.core.windows.net",
        "evil.example#.blob.core.windows.net",
    ],
)
def test_hosts_that_only_look_like_azure(host: str) -> None:
    assert not is_azure_host(host)


@pytest.mark.parametrize(
    ("text", "kind", "endpoint", "container", "path"),
    [
        ("s3://bucket/a/b.jpg", "filesystem", "s3", "bucket", "a/b.jpg"),
        ("s3a://bucket/a", "filesystem", "s3", "bucket", "a"),
        ("gs://bucket", "filesystem", "gs", "bucket", ""),
        ("dbfs:/mnt/pictures", "filesystem", "dbfs", "", "mnt/pictures"),
        ("https://museum.example/a%20b.jpg?size=2", "web", "https://museum.example", "", "a%20b.jpg"),
        ("http://museum.example:8080/", "web", "http://museum.example:8080", "", ""),
        ("pictures/a.jpg", "local", "", "", "pictures/a.jpg"),
        ("C:/pictures", "local", "", "", "C:/pictures"),
        (r"C:\pictures", "local", "", "", r"C:\pictures"),
        ("file:///tmp/a%20b", "local", "", "", "/tmp/a b"),  # noqa: S108 - a name, no file
        ("/Volumes/main/default/pictures", "local", "", "", "/Volumes/main/default/pictures"),
        ("a:b/c#d?e", "local", "", "", "a:b/c#d?e"),
    ],
)
def test_other_kinds(text: str, kind: str, endpoint: str, container: str, path: str) -> None:
    found = parse(text)
    assert (found.kind, found.endpoint, found.container, found.path) == (kind, endpoint, container, path)


def test_a_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse("~/pictures").path == str(tmp_path / "pictures")
    with pytest.raises(InputError, match="write the whole path"):
        parse("~nobody-of-this-name/pictures")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ftp://host/a", "not known"),
        ("az:///a", "CONTAINER"),
        ("s3://", "BUCKET"),
        (ACCOUNT, "names no container"),
        (f"az://paintings/1717?{SAS}", "account"),
        ("https://user:secret@museum.example/a", "no user or password"),
        ("https://museum.example:port/a", "can't be read"),
        ("https:///a", "host"),
        ("https://[::1/a", "can't be read"),
    ],
)
def test_what_is_no_address(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        parse(text)
    assert "secret" not in str(caught.value) and "sig=" not in str(caught.value)
    assert "\n" not in str(caught.value)


@given(container=CONTAINERS, path=PATHS, style=st.sampled_from([ACCOUNT, "http://127.0.0.1:10000/account"]))
def test_a_sas_url_is_read_back_as_it_was(container: str, path: str, style: str) -> None:
    place = Place.of(f"{style}/{container}?{SAS}") / "x"
    place = Place(place.address.up().down(path))
    assert place.address.path == path
    assert Place.of(place.unredacted()) == place


@given(path=PATHS, name=PARTS)
def test_going_down_and_up_again(path: str, name: str) -> None:
    folder = parse(f"{ACCOUNT}/paintings").down(path)
    assert folder.down(name).up() == folder
    assert Place(folder.down(name)).relative_to(Place(folder)) == name


@given(secret=st.binary(min_size=8, max_size=32), path=PATHS, host=st.sampled_from([ACCOUNT, "https://museum.example"]))
def test_no_text_of_an_address_holds_the_signature(secret: bytes, path: str, host: str) -> None:
    signature = base64.b64encode(secret).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    place = Place.of(f"{host}/paintings?sv=2024-11-04&sp=r&sig={signature}")
    below = Place(place.address.down(path))
    for text in (str(below), repr(below), f"{below.address}", repr(below.address), str(below.parent)):
        assert f"sig={signature}" not in text
        assert signature not in text or signature in path
    assert signature in below.unredacted()


def test_the_way_up_never_leaves_the_container() -> None:
    inside = parse(f"{ACCOUNT}/paintings/1717?{SAS}")
    assert inside.down("../../../other").path == "other"
    assert inside.down("../../../other").container == "paintings"
    assert parse(f"{ACCOUNT}/paintings").up().container == "paintings"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://a.blob.core.windows.net/c?{SAS} failed",
        "https://host/x?access_token=c2VjcmV0",
        "X-Amz-Signature=c2VjcmV0&X-Amz-Date=1",
        "api-key=c2VjcmV0",
    ],
)
def test_secrets_in_a_text_are_blanked(text: str) -> None:
    assert "c2VjcmV0" not in without_secrets(text)
    assert "…" in without_secrets(text)


def test_what_is_no_secret_stays() -> None:
    text = "https://host/monkey=1?size=2&design=3"
    assert without_secrets(text) == text
