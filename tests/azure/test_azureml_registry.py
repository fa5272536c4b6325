"""The registry of Azure Machine Learning: the real azure-ai-ml against a Resource Manager and Azurite on loopback."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from mezzetin.bundle import Bundle, reseal
from mezzetin.errors import BundleError, EnvironmentProblem, InputError, StoreRefused
from mezzetin.registry.azureml import ALIAS, DIGEST, AzureMLRegistry
from mezzetin.registry.azureml_door import Scope, parse_scope
from mezzetin.registry.base import ModelVersion
from tests.azure.arm.faults import Answer, refusal
from tests.azure.azureml_world import World, named_azurite, world

__all__ = ["named_azurite", "world"]


@pytest.fixture(scope="module")
def bundle(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "one"
    shutil.copytree(bundle_path, folder)
    (folder / "notes.txt").write_text("somebody else's", encoding="utf-8")
    return Bundle.open(folder)


@pytest.fixture(scope="module")
def other(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "two"
    shutil.copytree(bundle.folder, folder)
    names = [entry["name"] for entry in bundle.manifest["files"]]
    return reseal(folder, {**bundle.manifest, "model_version": "another"}, names)


@pytest.fixture(params=["workspace", "registry"])
def registry(world: World, request: pytest.FixtureRequest) -> AzureMLRegistry:
    uri = world.azureml.uri if request.param == "workspace" else "azureml://registries/museums"
    return AzureMLRegistry(parse_scope(uri), world.credential)


def test_the_same_content_is_one_version(registry: AzureMLRegistry, bundle: Bundle, world: World) -> None:
    first = registry.push(bundle, "captioner", tags={"made": "here"})
    assert (first.version, first.digest, first.tags["made"]) == ("1", bundle.digest, "here")
    asked = len(world.arm.requests)
    again = registry.push(bundle, "captioner")
    assert (again.version, again.digest) == ("1", bundle.digest) and not world.arm.changes(asked)
    assert registry.push(bundle, "captioner", tags={"seen": "twice"}).tags["seen"] == "twice"
    assert registry.names() == ["captioner"] and len(registry.versions("captioner")) == 1


def test_what_is_pulled_is_what_was_pushed(registry: AzureMLRegistry, bundle: Bundle, tmp_path: Path) -> None:
    found = registry.pull(registry.push(bundle, "captioner"), tmp_path / "pulled")
    assert found.digest == bundle.digest and found.folder == tmp_path / "pulled"
    # The whole bundle, and nothing that merely lay beside it.
    names = {entry["name"] for entry in bundle.manifest["files"]} | {"bundle.json"}
    assert {path.name for path in (tmp_path / "pulled").iterdir()} == names
    with pytest.raises(InputError, match="holds something already"):
        registry.pull(registry.find("captioner"), tmp_path / "pulled")


def test_versions_and_aliases(registry: AzureMLRegistry, bundle: Bundle, other: Bundle) -> None:
    registry.push(bundle, "captioner")
    registry.set_alias("captioner", "champion", "1")
    second = registry.push(other, "captioner")
    assert [one.version for one in registry.versions("captioner")] == ["2", "1"]
    assert registry.find("captioner").version == second.version == "2"
    assert registry.find("captioner", alias="champion").version == "1"
    registry.set_alias("captioner", "champion", "2")
    assert [one.aliases for one in registry.versions("captioner")] == [("champion",), ()]
    with pytest.raises(InputError, match="is champion"):
        registry.delete("captioner", "2")
    registry.drop_alias("captioner", "champion")
    registry.drop_alias("captioner", "champion")
    with pytest.raises(InputError, match="no alias champion"):
        registry.find("captioner", alias="champion")


def test_an_alias_between_two_versions_is_where_it_was_set_last(
    registry: AzureMLRegistry, bundle: Bundle, other: Bundle, world: World
) -> None:
    registry.push(bundle, "captioner")
    registry.push(other, "captioner")
    registry.set_alias("captioner", "champion", "1")
    # Cut off after the first of its two requests: the second, which takes it from version 1, never arrives.
    world.arm.faults.answer("PUT", "models/captioner/versions/1$", _forbidden())
    with pytest.raises(StoreRefused):
        registry.set_alias("captioner", "champion", "2")
    assert registry.find("captioner", alias="champion").version == "2"
    registry.set_alias("captioner", "champion", "2")
    assert ALIAS + "champion" not in registry.find("captioner", version="1").tags


def test_a_deleted_version_is_gone_and_its_number_too(registry: AzureMLRegistry, bundle: Bundle, other: Bundle) -> None:
    registry.push(bundle, "captioner")
    assert "az ml model restore --name captioner --version 1 --" in registry.delete("captioner", "1")
    assert registry.names() == []
    with pytest.raises(InputError, match="has no model captioner"):
        registry.versions("captioner")
    assert registry.push(other, "captioner").version == "2"


def test_tags_are_set_and_removed(registry: AzureMLRegistry, bundle: Bundle) -> None:
    registry.push(bundle, "captioner", tags={"a": "1", "b": "2"})
    registry.tag("captioner", "1", {"a": None, "c": "3"})
    tags = registry.find("captioner").tags
    assert {key: tags[key] for key in tags if not key.startswith("mezzetin")} == {"b": "2", "c": "3"}
    with pytest.raises(InputError, match=DIGEST):
        registry.tag("captioner", "1", {DIGEST: "0"})


def test_models_of_others_are_left_alone(world: World, bundle: Bundle) -> None:
    registry = AzureMLRegistry(parse_scope(world.azureml.uri), world.credential)
    path = f"{world.azureml.path}/models/theirs"
    world.arm.resources.add(path, {})
    body = {"properties": {"modelUri": "azureml://x", "modelType": "custom_model", "flavors": {}, "tags": {}}}
    world.arm.resources.add(f"{path}/versions/1", body)
    assert registry.names() == []
    assert registry.push(bundle, "theirs").version == "2"


def test_altered_files_are_noticed(world: World, bundle: Bundle, tmp_path: Path) -> None:
    registry = AzureMLRegistry(parse_scope(world.azureml.uri), world.credential)
    version = registry.push(bundle, "captioner")
    card = next(name for name in world.azurite.names(world.azureml.container) if name.endswith("card.md"))
    world.azurite.put(world.azureml.container, card, b"better than it is")
    with pytest.raises(BundleError, match="altered"):
        registry.pull(version, tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


def test_a_version_that_somebody_makes_at_the_same_moment(world: World, bundle: Bundle, other: Bundle) -> None:
    registry = AzureMLRegistry(parse_scope(world.azureml.uri), world.credential)
    registry.push(bundle, "captioner")
    path = f"{world.azureml.path}/models/captioner/versions"
    theirs = {**world.arm.resources[f"{path}/1"], "properties": {**world.arm.resources[f"{path}/1"]["properties"]}}
    theirs["properties"]["modelUri"] = "azureml://elsewhere"

    def make_it(call: object) -> None:
        if f"{path}/2" not in world.arm.resources:
            world.arm.resources.add(f"{path}/2", theirs)

    world.arm.handle("GET", ".*/datastores/workspaceblobstore", make_it)
    assert registry.push(other, "captioner").version == "3"


def test_a_token_that_is_too_old_is_asked_for_again(world: World, bundle: Bundle) -> None:
    registry = AzureMLRegistry(parse_scope(world.azureml.uri), world.credential)
    world.arm.faults.expire_token("PUT", "/models/captioner/versions/1$")
    asked = len(world.credential.asked)
    assert registry.push(bundle, "captioner").version == "1"
    assert len(world.credential.asked) > asked
    puts = [call.status for call in world.arm.requests if call.method == "PUT"]
    assert puts == [401, 201]


def test_who_may_not_is_told_in_one_line(world: World, bundle: Bundle) -> None:
    registry = AzureMLRegistry(parse_scope(world.azureml.uri), world.credential)
    world.arm.faults.answer("PUT", "/models/", _forbidden())
    with pytest.raises(StoreRefused, match="needs the role AzureML Data Scientist") as caught:
        registry.push(bundle, "captioner")
    assert "\n" not in str(caught.value) and "sig=" not in str(caught.value)


def test_a_connection_that_breaks_is_tried_again(world: World, bundle: Bundle) -> None:
    registry = AzureMLRegistry(parse_scope(world.azureml.uri), world.credential)
    world.arm.faults.reset("GET", "/models/captioner/versions$")
    world.arm.faults.throttle("GET", "/datastores/", retry_after=1)
    assert registry.push(bundle, "captioner").version == "1"


def test_it_says_nothing(
    world: World, bundle: Bundle, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "azure.ai.ml"):
        registry = AzureMLRegistry(parse_scope(world.azureml.uri), world.credential)
        registry.pull(registry.push(bundle, "captioner"), tmp_path / "pulled")
    assert capfd.readouterr() == ("", "") and caplog.messages == []


@pytest.mark.parametrize(
    "uri", ["azureml://", "azureml://registries/", "azureml://registries/a/models/b", "azureml://subscriptions/s", "x"]
)
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(InputError, match="names no place of Azure Machine Learning"):
        parse_scope(uri)


def test_addresses() -> None:
    short = "azureml://subscriptions/S/resourceGroups/g.1_(x)/workspaces/W"
    assert parse_scope(short) == Scope("S", "g.1_(x)", "W") and str(parse_scope(short)) == short
    long = "azureml://subscriptions/S/resourcegroups/G/providers/Microsoft.MachineLearningServices/workspaces/W"
    assert parse_scope(long) == Scope("S", "G", "W")
    assert str(parse_scope("azureml://registries/museums")) == "azureml://registries/museums"


def test_nothing_that_is_sent_is_unknown_to_the_published_description(world: World, bundle: Bundle) -> None:
    if world.arm.specs is None:
        pytest.skip("../shared/specs is absent: bodies are not checked")
    registry = AzureMLRegistry(parse_scope(world.azureml.uri), world.credential)
    version: ModelVersion = registry.push(bundle, "captioner")
    registry.set_alias("captioner", "champion", version.version)
    assert world.arm.violations == [] and world.arm.unknown == set()


def test_a_broken_answer_is_one_line(world: World, bundle: Bundle) -> None:
    registry = AzureMLRegistry(parse_scope(world.azureml.uri), world.credential)
    world.arm.faults.conflict("PUT", "/models/", times=5)
    with pytest.raises(EnvironmentProblem, match="Another operation is in progress") as caught:
        registry.push(bundle, "captioner")
    assert "\n" not in str(caught.value)


def _forbidden() -> Answer:

    return refusal(403, "AuthorizationFailed", "The client does not have authorization to perform action 'write'.")
