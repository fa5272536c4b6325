"""The local Resource Manager: what it keeps, what it refuses, how its operations and its faults look to azure-core."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.azure.arm.faults import Answer
from tests.azure.arm.server import SUBSCRIPTION, ArmServer
from tests.azure.arm.specs import Specs

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/museum"
THING = f"{GROUP}/providers/Microsoft.Things/things/one"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/paintings"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/captions"


@pytest.fixture
def ask(arm: ArmServer) -> Callable[..., httpx2.Response]:
    arm.group("museum")

    def ask(method: str, path: str, body: Any = None, *, bearer: str = "one", version: str = "2024-04-01") -> Any:
        where = path if path.startswith("http") else f"{arm.url}{path}"
        where += "" if "api-version" in where else f"?api-version={version}"
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        content = None if body is None else json.dumps(body)
        return httpx2.request(method, where, content=content, headers=headers, trust_env=False)

    return ask


def test_resources_are_kept_by_id_whatever_its_case(ask: Callable[..., httpx2.Response]) -> None:
    assert ask("GET", THING).json()["error"]["code"] == "ResourceNotFound"
    assert ask("PUT", THING, {"location": "westeurope", "tags": {"a": "b"}}).status_code == 201
    assert ask("PUT", THING.upper(), {"location": "westeurope", "tags": {"a": "b", "c": "d"}}).status_code == 200
    assert ask("PATCH", THING, {"tags": {"a": None}}).json()["tags"] == {"c": "d"}
    listed = ask("GET", f"{GROUP}/providers/Microsoft.Things/things").json()["value"]
    assert [(thing["id"], thing["type"]) for thing in listed] == [(THING, "Microsoft.Things/things")]
    assert ask("DELETE", THING).status_code == 200
    assert ask("GET", THING).status_code == 404
    assert ask("DELETE", THING).status_code == 204


def test_what_lies_nowhere_is_refused(ask: Callable[..., httpx2.Response]) -> None:
    answer = ask("PUT", f"{THING}/parts/wheel", {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ParentResourceNotFound")
    assert ask("PUT", THING.replace("museum", "nowhere"), {}).status_code == 404


@pytest.mark.parametrize("style", ["Azure-AsyncOperation", "Location"])
def test_long_running(arm: ArmServer, ask: Callable[..., httpx2.Response], style: str) -> None:
    arm.slow("PUT", ".*/things/one", polls=2, style=style)
    begun = ask("PUT", THING, {})
    assert begun.status_code == (201 if style == "Azure-AsyncOperation" else 202)
    assert ask("PUT", THING, {}).status_code == 409
    seen = [ask("GET", begun.headers[style]) for _ in range(3)]
    if style == "Location":
        assert [answer.status_code for answer in seen] == [202, 202, 200]
    else:
        assert [answer.json()["status"] for answer in seen] == ["InProgress", "InProgress", "Succeeded"]
    assert ask("GET", THING).json()["properties"]["provisioningState"] == "Succeeded"


def test_failed_provisioning(arm: ArmServer, ask: Callable[..., httpx2.Response]) -> None:
    arm.faults.fail_provisioning("things/one", "NoQuota", "Not enough cores.")
    operation = ask("PUT", THING, {}).headers["Azure-AsyncOperation"]
    ask("GET", operation)
    answer = ask("GET", operation).json()
    assert (answer["status"], answer["error"]) == ("Failed", {"code": "NoQuota", "message": "Not enough cores."})
    assert ask("GET", THING).json()["properties"]["provisioningState"] == "Failed"


def test_faults_are_used_up(arm: ArmServer, ask: Callable[..., httpx2.Response]) -> None:
    arm.faults.throttle("GET", "things", retry_after=7)
    arm.faults.expire_token("GET", "things")
    arm.faults.reset("GET", "things")
    throttled, expired = ask("GET", THING), ask("GET", THING)
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "7")
    assert expired.status_code == 401 and 'error="insufficient_claims"' in expired.headers["WWW-Authenticate"]
    with pytest.raises(httpx2.TransportError):
        ask("GET", THING)
    assert ask("GET", THING).status_code == 404
    assert [call.status for call in arm.requests] == [429, 401, 0, 404]


def test_nobody_is_let_in_without_a_token(arm: ArmServer, ask: Callable[..., httpx2.Response]) -> None:
    assert ask("GET", THING, bearer="").status_code == 401
    # A JSON Web Token whose time was over in 1970.
    assert ask("GET", THING, bearer="e30.eyJleHAiOjF9.eA").json()["error"]["code"] == "ExpiredAuthenticationToken"


def test_handlers_of_ones_own(arm: ArmServer, ask: Callable[..., httpx2.Response]) -> None:
    arm.handle("POST", "(.*)/things/([^/]+)/start", lambda call: Answer(200, {"started": call.found[1]}))
    assert ask("POST", f"{THING}/start").json() == {"started": "one"}


def test_bodies_are_held_against_the_published_description(arm: ArmServer, ask: Callable[..., httpx2.Response]) -> None:
    if arm.specs is None:
        pytest.skip("../shared/specs is absent: bodies are not checked")
    arm.resources.add(WORKSPACE, {"location": "westeurope"})
    properties = {"authMode": "Key", "brandNew": 1}
    answer = ask("PUT", ENDPOINT, {"location": "w", "properties": properties}, version="2023-04-01-preview")
    assert answer.status_code == 201
    assert arm.unknown == {
        ("OnlineEndpoints_CreateOrUpdate", "2023-04-01-preview -> 2023-04-01", "properties.brandNew")
    }
    traffic = {"authMode": "Key", "traffic": {"a": "many"}}
    wrongs: list[Any] = [{"properties": {}}, {"properties": traffic}, {"properties": 3}]
    for wrong in wrongs:
        assert ask("PUT", ENDPOINT, wrong).json()["error"]["code"] == "InvalidRequestContent"
    assert "OnlineEndpoints_CreateOrUpdate (2024-04-01) properties: 'authMode' is a required property" in arm.violations
    assert any("properties.traffic.a: 'many' is not of type 'integer'" in text for text in arm.violations)


def test_a_kind_is_held_against_its_own_description(arm: ArmServer, ask: Callable[..., httpx2.Response]) -> None:
    if arm.specs is None:
        pytest.skip("../shared/specs is absent: bodies are not checked")
    arm.resources.add(WORKSPACE, {"location": "westeurope"})
    arm.resources.add(ENDPOINT, {"location": "westeurope"})
    scale = {"scaleType": "TargetUtilization", "minInstances": "one"}
    body = {"location": "w", "properties": {"endpointComputeType": "Managed", "scaleSettings": scale}}
    assert ask("PUT", f"{ENDPOINT}/deployments/blue", body).status_code == 400
    assert any("minInstances" in text for text in arm.violations)
    scale["scaleType"] = "Default"
    assert ask("PUT", f"{ENDPOINT}/deployments/blue", body).status_code == 201
    assert {name for _, _, name in arm.unknown} == {"properties.scaleSettings.minInstances"}


@pytest.mark.parametrize("between", ["", "ContainerInstance/", "ContainerGroups/v2/"])
def test_descriptions_are_found_however_their_folders_lie(tmp_path: Path, between: str) -> None:
    """Azure's own repository has moved some services' files a folder or two down."""
    place = f"containerinstance/resource-manager/Microsoft.ContainerInstance/{between}stable/2023-05-01"
    group = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerInstance/containerGroups/{name}"
    schema = {"type": "object", "required": ["properties"], "properties": {"properties": {"type": "object"}}}
    body = {"in": "body", "name": "containerGroup", "schema": schema}
    described = {"operationId": "ContainerGroups_CreateOrUpdate", "parameters": [body], "responses": {}}
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "containerInstance.json").write_text(json.dumps({"paths": {group: {"put": described}}}))
    path = f"{GROUP}/providers/Microsoft.ContainerInstance/containerGroups/captions"
    specs = Specs(tmp_path)
    found = specs.operation("PUT", path, "2024-05-01-preview")
    assert found is not None and (found.identifier, found.version) == ("ContainerGroups_CreateOrUpdate", "2023-05-01")
    assert specs.check(found, {"location": "here"}).violations == ["body: 'properties' is a required property"]
