"""The same resources as azure-ai-ml's own objects, made from the bodies that `--dry-run` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_AUTH = {"Key": "key", "AADToken": "aad_token"}


def endpoint_entity(name: str, body: Mapping[str, Any]) -> Any:
    """An endpoint as azure-ai-ml takes it."""
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    properties = body["properties"]
    return ManagedOnlineEndpoint(
        name=name,
        tags=dict(body["tags"]),
        auth_mode=_AUTH[properties["authMode"]],
        public_network_access=properties["publicNetworkAccess"],
        traffic=dict(properties["traffic"]),
    )


def environment_entity(name: str, body: Mapping[str, Any]) -> Any:
    """An environment as azure-ai-ml takes it."""
    from azure.ai.ml.entities import Environment

    if "condaFile" in body:
        return Environment(name=name, version="1", image=body["image"], conda_file=json.loads(body["condaFile"]))
    routes = {
        snake: dict(body["inferenceConfig"][camel])
        for snake, camel in (
            ("liveness_route", "livenessRoute"),
            ("readiness_route", "readinessRoute"),
            ("scoring_route", "scoringRoute"),
        )
    }
    return Environment(name=name, version="1", image=body["image"], inference_config=routes)


def deployment_entity(name: str, endpoint: str, body: Mapping[str, Any], code: Path | None) -> Any:
    """A deployment as azure-ai-ml takes it; `code` is the folder with the entry script."""
    from azure.ai.ml.entities import (
        CodeConfiguration,
        DefaultScaleSettings,
        ManagedOnlineDeployment,
        OnlineRequestSettings,
    )

    properties = body["properties"]
    settings = properties["requestSettings"]
    script = None
    if code is not None:
        script = CodeConfiguration(code=str(code), scoring_script=properties["codeConfiguration"]["scoringScript"])
    return ManagedOnlineDeployment(
        name=name,
        endpoint_name=endpoint,
        tags=dict(body["tags"]),
        model=properties["model"],
        environment=properties["environmentId"],
        environment_variables=dict(properties["environmentVariables"]),
        code_configuration=script,
        instance_type=properties["instanceType"],
        instance_count=body["sku"]["capacity"],
        scale_settings=DefaultScaleSettings(),
        request_settings=OnlineRequestSettings(
            max_concurrent_requests_per_instance=settings["maxConcurrentRequestsPerInstance"],
            request_timeout_ms=1000 * seconds(settings["requestTimeout"]),
        ),
        liveness_probe=_probe(properties["livenessProbe"]),
        readiness_probe=_probe(properties["readinessProbe"]),
    )


def _probe(body: Mapping[str, Any]) -> Any:
    from azure.ai.ml.entities import ProbeSettings

    return ProbeSettings(
        initial_delay=seconds(body["initialDelay"]),
        period=seconds(body["period"]),
        timeout=seconds(body["timeout"]),
        success_threshold=body["successThreshold"],
        failure_threshold=body["failureThreshold"],
    )


def seconds(duration: str) -> int:
    """The seconds of an ISO 8601 duration of the form PT…S, the only one that is written here."""
    return int(duration.removeprefix("PT").removesuffix("S"))
