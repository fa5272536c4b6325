"""Target `azureml`: the real azure-ai-ml rolls out on loopback, and the real inference server answers."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mezzetin.bundle import Bundle
from mezzetin.deployment.azureml_bodies import deployment_name, variables
from mezzetin.deployment.azureml_rollout import shares
from mezzetin.deployment.base import Wanted
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress
from mezzetin.registry.azureml import AzureMLRegistry
from tests.azure.arm.machinelearning import KEY, shown
from tests.azure.azureml_rollouts import (
    IMAGE,
    NAME,
    bundle,
    deploy,
    deployed,
    name_of,
    nobody,
    other,
    scoring,
    served,
    service_of_the_image,
    target,
    traffic,
    wanted,
)
from tests.azure.azureml_world import World, named_azurite, world

__all__ = ["bundle", "named_azurite", "other", "scoring", "served", "world"]


def test_first_deployment(served: World, bundle: Bundle) -> None:
    steps: list[str] = []

    def note(progress: Progress) -> None:
        if progress.total is not None and progress.task.startswith("deploy to"):
            steps.append(progress.note)

    made = target(served).deploy(wanted(bundle), note)
    new = name_of(served, bundle)
    found = made.deployment
    assert made.caption and made.key == KEY and KEY not in repr(made)
    assert (found.name, found.state, found.model, found.digest) == (
        NAME,
        "serving",
        "captioner@champion",
        bundle.digest,
    )
    assert found.url == f"{served.arm.url}/front/{NAME}" and traffic(served) == {new: 100}
    assert served.azureml.answered == [new] and KEY not in str(found)
    assert [note for note in steps if note] == [
        "endpoint",
        "model",
        "environment",
        "deployment",
        "smoke test",
        "traffic",
        "done",
    ]
    deployment = served.arm.resources[f"{served.azureml.path}/onlineEndpoints/{NAME}/deployments/{new}"]
    properties = deployment["properties"]
    assert properties["requestSettings"]["maxConcurrentRequestsPerInstance"] == 16
    assert properties["model"].endswith("/models/mezzetin-small/versions/1")
    assert (deployment["sku"]["capacity"], properties["instanceType"]) == (1, "Standard_DS3_v2")


def test_the_same_again_changes_nothing(served: World, bundle: Bundle) -> None:
    first = deploy(served, bundle)
    asked = len(served.arm.requests)
    again = deploy(served, bundle)
    assert again.deployment == first.deployment and again.caption == first.caption
    assert served.arm.changes(asked) == []


def test_a_new_version_takes_over_once_it_has_answered(served: World, bundle: Bundle, other: Bundle) -> None:
    deploy(served, bundle)
    old, new = name_of(served, bundle), name_of(served, other)
    asked = len(served.arm.requests)
    assert deploy(served, other).deployment.digest == other.digest
    calls = served.arm.requests[asked:]
    order = [
        shown(call) for call in calls if ("/onlineEndpoints/" in call.path and call.changes) or "/front/" in call.path
    ]
    assert order == [
        f"PUT deployments/{new}",
        f"POST {NAME}/score",
        f'PUT onlineEndpoints/{NAME} {{"{new}": 100}}',
        f"DELETE deployments/{old}",
    ]
    assert served.azureml.answered[-1] == new and deployed(served) == [new]


def test_a_canary_then_all(served: World, bundle: Bundle, other: Bundle) -> None:
    deploy(served, bundle)
    old, new = name_of(served, bundle), name_of(served, other)
    deploy(served, other, canary=10)
    assert traffic(served) == {old: 90, new: 10} and sorted(deployed(served)) == sorted([old, new])
    asked = len(served.arm.requests)
    deploy(served, other, canary=10)
    assert served.arm.changes(asked) == []
    deploy(served, other)
    assert traffic(served) == {new: 100} and deployed(served) == [new]


def test_the_old_one_is_kept_where_that_is_wished(served: World, bundle: Bundle, other: Bundle) -> None:
    deploy(served, bundle)
    deploy(served, other, keep_old=True)
    assert traffic(served) == {name_of(served, other): 100}
    assert sorted(deployed(served)) == sorted([name_of(served, bundle), name_of(served, other)])


def test_list_and_remove(served: World, bundle: Bundle) -> None:
    made = deploy(served, bundle).deployment
    assert target(served).deployments() == [made]
    assert "get-credentials --name captions" in made.how_to_get_key and "base64 -w0" in made.details["curl"]
    target(served).undeploy(NAME)
    assert target(served).deployments() == []
    with pytest.raises(InputError, match="has no deployment captions"):
        target(served).undeploy(NAME)


def test_the_image_of_the_service(served: World, bundle: Bundle, tmp_path: Path) -> None:
    """The Dockerfile's own command, with its variables and the deployment's: it asks for no key, the endpoint does."""
    image = wanted(bundle, IMAGE)
    name = deployment_name(image, target(served).settings)
    path = f"{served.azureml.path}/onlineEndpoints/{NAME}/deployments/{name}"
    with service_of_the_image(bundle, tmp_path, variables(target(served).settings, IMAGE)) as address:
        served.azureml.backend = lambda deployment: address
        assert target(served).deploy(image, nobody).caption
        for route in served.arm.resources[_environment(served)]["properties"]["inferenceConfig"].values():
            assert route["port"] == 8000
            assert httpx2.request("GET", f"{address}{route['path']}", trust_env=False).status_code != 404
    deployment = served.arm.resources[path]["properties"]
    assert "codeConfiguration" not in deployment
    assert deployment["environmentVariables"] == {"MEZZETIN_BEHIND_GATEWAY": "true", "MEZZETIN_DEADLINE": "1"}
    assert served.arm.resources[_environment(served)]["properties"]["image"] == IMAGE


def test_an_image_with_another_model_gets_no_traffic(served: World, bundle: Bundle, other: Bundle) -> None:
    deploy(served, bundle)
    with pytest.raises(EnvironmentProblem, match=r"answers with another model.*still serves"):
        target(served, timeout=1).deploy(wanted(other, IMAGE), nobody)
    assert traffic(served) == {name_of(served, bundle): 100} and deployed(served) == [name_of(served, bundle)]


def _environment(world: World) -> str:
    held = world.arm.resources.held
    return next(key for key in held if "/environments/" in key and key.endswith("/versions/1"))


@pytest.mark.parametrize("image", [None, IMAGE])
def test_the_plan_is_what_is_sent(served: World, bundle: Bundle, image: str | None) -> None:
    steps = target(served).plan(wanted(bundle, image))
    assert served.arm.requests == []
    target(served).deploy(wanted(bundle, image), nobody)
    planned = [step for step in steps if step.verb in ("PUT", "POST")]
    sent = [call for call in served.arm.requests if call.method == "PUT" and "/codes/" not in call.path]
    assert [step.target.replace("NEXT", "1").lower() for step in planned if step.verb == "PUT"] == [
        call.path.lower() for call in sent
    ]
    for step, call in zip([step for step in planned if step.verb == "PUT"], sent, strict=True):
        assert isinstance(step.body, dict)
        assert missing_in(step.body, call.body) == []


def missing_in(planned: Any, sent: Any, where: str = "") -> list[str]:
    """What of a planned body was not sent as it stands; versions and conda files are told apart by their content."""
    if isinstance(planned, dict) and isinstance(sent, dict):
        return [text for key in planned for text in missing_in(planned[key], sent.get(key), f"{where}.{key}")]
    if where == ".properties.condaFile":
        yaml: Any = import_module("yaml")
        return [] if yaml.safe_load(planned) == yaml.safe_load(sent) else [where]
    same = planned == sent or (planned == {} and sent is None)
    if isinstance(planned, str) and isinstance(sent, str):
        same = same or planned.replace("NEXT", "1") == sent or _seconds(planned) == _seconds(sent) is not None
    return [] if same else [f"{where}: {planned!r} != {sent!r}"]


def _seconds(text: str) -> int | None:
    """The seconds of an ISO 8601 duration; PT90S and PT1M30S are one."""
    found = re.fullmatch(r"PT(?:(\d+)M)?(?:(\d+)S)?", text)
    return int(found[1] or 0) * 60 + int(found[2] or 0) if found else None


def test_what_is_sent_beside_the_stable_description(served: World, bundle: Bundle) -> None:
    """All that the page says of it, and nothing else, for every request that Mezzetin makes there."""
    if served.arm.specs is None:
        pytest.skip("../shared/specs is absent: bodies are not checked")
    registry = AzureMLRegistry(target(served).settings.scope, served.credential)
    registry.set_alias("captioner", "champion", registry.push(bundle, "captioner", tags={"room": "7"}).version)
    deploy(served, bundle)
    target(served).deploy(wanted(bundle, IMAGE), nobody)
    target(served).undeploy(NAME)
    registry.drop_alias("captioner", "champion")
    registry.delete("captioner", "1")
    assert served.arm.violations == []
    page = (Path(__file__).parents[2] / "docs" / "azureml.md").read_text(encoding="utf-8")
    told = page.partition("Each body is held against")[2].partition("\n\nA shared registry")[0]
    listed = set(re.findall(r"^\| `(\w+)` \| `([\w.]+)` ", told, re.MULTILINE))
    sent = {(text.split()[0], text.split()[2].rstrip(":")) for text in served.arm.overlooked}
    sent |= {(operation, member) for operation, _, member in served.arm.unknown}
    assert sent == listed
    # Which version an operation under way is asked with is what Azure says in its address.
    asked = [call for call in served.arm.requests if "/providers/Mezzetin.Tests/" not in call.path]
    versions = {call.query["api-version"] for call in asked if "api-version" in call.query}
    assert versions == set(re.findall(r"\d{4}-\d\d-\d\d(?:-preview)?", told))


def test_names_that_azure_does_not_take(world: World, bundle: Bundle) -> None:
    for name in ("ab", "Captions", "a" * 33):
        with pytest.raises(InputError):
            target(world).plan(Wanted(name, bundle, "captioner"))


@pytest.mark.parametrize(
    ("present", "canary", "expected"),
    [
        ({}, None, {"new": 100}),
        ({}, 10, {"new": 100}),
        ({"old": 100}, None, {"new": 100}),
        ({"old": 100}, 10, {"old": 90, "new": 10}),
        ({"old": 90, "new": 10}, 10, {"old": 90, "new": 10}),
        ({"old": 90, "new": 10}, 30, {"old": 70, "new": 30}),
        ({"a": 34, "b": 33, "c": 33}, 10, {"a": 32, "b": 29, "c": 29, "new": 10}),
        ({"old": 0, "new": 100}, 10, {"new": 100}),
    ],
)
def test_shares_add_up(present: dict[str, int], canary: int | None, expected: dict[str, int]) -> None:
    assert shares(present, "new", canary) == expected and sum(expected.values()) == 100


def test_names_follow_the_content(world: World, bundle: Bundle, other: Bundle) -> None:
    settings = target(world).settings
    same = deployment_name(Wanted("else", bundle, "another way to say it"), settings)
    assert same == deployment_name(wanted(bundle), settings)
    names = {same, deployment_name(wanted(other), settings), deployment_name(wanted(bundle, "an/image"), settings)}
    names.add(deployment_name(wanted(bundle), target(world, instance_type="Standard_F4s_v2").settings))
    assert len(names) == 4 and all(len(name) <= 32 for name in names)
