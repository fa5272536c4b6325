"""Small parts of deploying: names, settings, the log's size, changes from the command line."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.cli.deploying import parsed_changes
from mezzetin.deployment.keeper import Log
from mezzetin.deployment.naming import check_name, state_folder
from mezzetin.deployment.passkey import drop_key, holds_key, own_key
from mezzetin.deployment.run import deployments, plan_deployment
from mezzetin.deployment.targets import TARGETS, find_target, read_settings
from mezzetin.errors import InputError, RecipeError
from mezzetin.serving.keys import list_keys


@given(st.text(string.ascii_lowercase + string.digits + "-", min_size=2, max_size=32))
def test_a_name_that_passes_is_a_dns_label(name: str) -> None:
    try:
        check_name(name)
    except InputError:
        assert not name[0].isalpha() or name.endswith("-") or "--" in name
    else:
        assert name[0].isalpha() and name[-1] != "-" and "--" not in name


@pytest.mark.parametrize("name", ["", "a", "Aa", "a/b", "../a", "a b", "a" * 33, "ä-b"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="is no name for a deployment"):
        check_name(name)


def test_the_log_keeps_so_many_bytes_and_the_newest_lines(tmp_path: Path) -> None:
    log = Log(tmp_path / "server.log", most=100, older=2)
    for number in range(100):
        log.write(f"line {number:03d}\n".encode())
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["server.log", "server.log.1", "server.log.2"]
    assert all(file.stat().st_size <= 100 for file in files)
    assert files[0].read_text().splitlines()[-1] == "line 099"
    assert files[1].read_text().splitlines()[-1] < files[0].read_text().splitlines()[0]
    assert files[0].stat().st_mode & 0o077 == 0


def test_changes_are_what_toml_reads_and_otherwise_text() -> None:
    found = parsed_changes(["port=80", "keys=a/b.json", "tags=['a']", "environment.TZ=UTC", 'x="7"', "flag=true"])
    assert found == {
        "port": 80,
        "keys": "a/b.json",
        "tags": ["a"],
        "environment": {"TZ": "UTC"},
        "x": "7",
        "flag": True,
    }
    with pytest.raises(typer.BadParameter):
        parsed_changes(["port"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[deploy.moon]\n", r"\[deploy.moon\] is for no target"),
        ("deploy = 7\n", "settings are tables"),
        ("[deploy]\nport = 7\n", "settings are tables"),
        ("[deploy.local]\nprot = 7\n", "did you mean 'port'"),
        ("[deploy.local]\nport = 70000\n", "port"),
    ],
)
def test_wrong_settings_are_named_with_their_file(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "deploy.toml"
    file.write_text(text)
    with pytest.raises(RecipeError, match=message) as caught:
        plan_deployment("local", settings=file)
    assert str(file) in str(caught.value)


def test_changes_go_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "deploy.toml"
    file.write_text("[deploy.local]\nport = 8000\nbeam = 2\n")
    tables, origin = read_settings(file, {"port": 9000})
    assert (tables["local"], origin) == ({"port": 9000, "beam": 2}, str(file))


def test_an_unknown_target_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="choose one of local, aci, azureml, kubernetes"):
        plan_deployment("moon")
    assert list(TARGETS) == ["local", "aci", "azureml", "kubernetes"]
    assert find_target("local", {}, "settings").name == "local"


def test_what_is_listed_without_a_target_is_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert deployments() == []
    assert state_folder("local") == tmp_path / "mezzetin" / "deployments" / "local"
    with pytest.raises(InputError, match="name it"):
        deployments(changes={"port": 1})


def test_a_deployments_own_key_is_made_once_and_again_when_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEZZETIN_KEY", raising=False)
    keys = tmp_path / "keys.json"
    first = own_key(keys, "pictures", tmp_path)
    assert own_key(keys, "pictures", tmp_path) == first
    (tmp_path / "key").unlink()
    second = own_key(keys, "pictures", tmp_path)
    assert second != first
    assert [bool(key.revoked) for key in list_keys(keys)] == [True, False]
    drop_key(keys, "pictures")
    assert not holds_key(keys, "pictures")
    monkeypatch.setenv("MEZZETIN_KEY", "given")
    assert own_key(keys, "pictures", tmp_path) == "given"


ACI: dict[str, Any] = {
    "subscription": "s",
    "resource_group": "museum",
    "location": "westeurope",
    "dns_label": "captions",
    "share": "caddy",
    "share_account": "files",
}
SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": None}, "needs share and share_account"),
        ({"dns_label": None}, "choose one of dns_label"),
        ({"dns_label": None, "subnet": SUBNET}, "no key travels plain"),
        ({"tls": "certificate"}, "needs certificate, certificate_key and hostname"),
        ({"tls": "none"}, "tls"),
        ({"model_store": "az://models"}, "read by an identity"),
        ({"dns_label": "A_b"}, "small letters"),
    ],
)
def test_a_group_without_tls_or_with_parts_that_do_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        find_target("aci", {**ACI, **changes}, "deploy.toml")


def test_a_change_inside_a_table_leaves_its_other_entries(tmp_path: Path) -> None:
    file = tmp_path / "deploy.toml"
    file.write_text('[deploy.azureml.environment]\nA = "1"\nB = "2"\n')
    tables, _ = read_settings(file, {"environment": {"B": "3"}})
    assert tables["azureml"]["environment"] == {"A": "1", "B": "3"}
    with pytest.raises(InputError, match="no settings file"):
        read_settings(tmp_path / "none.toml", {})


def test_a_value_that_is_a_table_too_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="at once"):
        parsed_changes(["a=1", "a.b=2"])
