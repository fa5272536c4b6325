"""What is asked of Azure Machine Learning, in Azure's own terms: bodies of requests as plain JSON.

Enters: settings and a bundle. Leaves: the environment, endpoint and deployment that they mean, with names that follow
from their content: the same call finds what an earlier one made, another model or setting makes a new deployment
beside the old one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import mezzetin
from mezzetin.deployment.azureml_settings import AzureMLSettings
from mezzetin.deployment.base import Wanted

#: The tag by which an endpoint is known as one of ours, with the model as a person called it.
OURS, MODEL, DIGEST = "mezzetin", "mezzetin_model", "mezzetin_digest"
ENTRY = "score.py"
#: The entry script: door 3 of the service under the name that Azure wants.
ENTRY_CODE = "from mezzetin.serving.score import init, run\n\n__all__ = ['init', 'run']\n"
_PROBE = {"initialDelay": "PT10S", "period": "PT10S", "timeout": "PT10S", "successThreshold": 1}


def model_name(wanted: Wanted, settings: AzureMLSettings) -> str:
    """What the bundle is registered as."""
    named = settings.model_name or re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted.bundle.info.name)
    return named.strip("-.") or "captioner"


def environment_body(settings: AzureMLSettings, image: str | None) -> dict[str, Any]:
    """The container: `image` with its routes, or what Azure builds from a base image and a conda file."""
    if image is not None:

        def route(path: str) -> dict[str, Any]:
            return {"path": path, "port": settings.port}

        routes = {
            "livenessRoute": route(settings.live_route),
            "readinessRoute": route(settings.ready_route),
            "scoringRoute": route(settings.score_route),
        }
        return {"image": image, "inferenceConfig": routes}
    package = settings.package or f"mezzetin[azure]=={mezzetin.__version__}"
    pip = {"pip": [package, "azureml-inference-server-http"]}
    conda = {"name": "mezzetin", "channels": ["conda-forge"], "dependencies": [f"python={settings.python}", "pip", pip]}
    return {"image": settings.base_image, "condaFile": json.dumps(conda)}


def environment_name(body: Mapping[str, Any]) -> str:
    """A name that is the content's, so that what is the same is made once."""
    return f"mezzetin-{_short(body, 12)}"


def deployment_name(wanted: Wanted, settings: AzureMLSettings) -> str:
    """The name of the deployment within its endpoint: of the model's digest, and of how it is run."""
    run = deployment_body(wanted, settings, model="", environment=environment_name(_environment(wanted, settings)))
    return f"m-{wanted.bundle.digest[:8]}-{_short(run, 4)}"


def endpoint_body(settings: AzureMLSettings, traffic: Mapping[str, int], model: str) -> dict[str, Any]:
    """The endpoint: who may ask, and which deployment gets how many of a hundred requests."""
    properties: dict[str, Any] = {
        "authMode": "Key" if settings.auth_mode == "key" else "AADToken",
        "publicNetworkAccess": "Enabled" if settings.public else "Disabled",
        "traffic": {name: share for name, share in traffic.items() if share},
    }
    return {"tags": {OURS: mezzetin.__version__, MODEL: model}, "properties": properties}


def deployment_body(wanted: Wanted, settings: AzureMLSettings, *, model: str, environment: str) -> dict[str, Any]:
    """One deployment: model, container, instances, and how many requests at once for how long."""
    properties: dict[str, Any] = {
        "endpointComputeType": "Managed",
        "model": model,
        "environmentId": environment,
        "environmentVariables": variables(settings, wanted.image),
        "instanceType": settings.instance_type,
        "scaleSettings": {"scaleType": "Default"},
        "requestSettings": {
            "maxConcurrentRequestsPerInstance": settings.concurrency,
            "requestTimeout": f"PT{settings.timeout}S",
        },
        "livenessProbe": {**_PROBE, "failureThreshold": 30},
        "readinessProbe": {**_PROBE, "failureThreshold": 30},
    }
    if wanted.image is None:
        properties["codeConfiguration"] = {"scoringScript": ENTRY}
    return {
        "tags": {OURS: mezzetin.__version__, MODEL: wanted.model, DIGEST: wanted.bundle.digest},
        "sku": {"name": "Default", "capacity": settings.instance_count},
        "properties": properties,
    }


def variables(settings: AzureMLSettings, image: str | None = None) -> dict[str, str]:
    """The container's environment.

    A request that Azure has given up is given up inside, too. The inference server takes one request after another
    unless gunicorn has threads. An `image` of `mezzetin serve` leaves it to the endpoint to ask who is there: nobody
    else reaches the container.
    """
    deadline = str(max(1, settings.timeout - 5))
    if image is not None:
        return {"MEZZETIN_BEHIND_GATEWAY": "true", "MEZZETIN_DEADLINE": deadline, **settings.environment}
    return {
        "GUNICORN_CMD_ARGS": f"--threads {settings.concurrency}",
        "WORKER_COUNT": "1",
        "WORKER_TIMEOUT": "300",
        "MEZZETIN_SCORE_DEADLINE": deadline,
        **settings.environment,
    }


def _environment(wanted: Wanted, settings: AzureMLSettings) -> dict[str, Any]:
    return environment_body(settings, wanted.image)


def _short(content: Mapping[str, Any], length: int) -> str:
    # How a person called the model is no part of what runs.
    kept = {key: value for key, value in content.items() if key != "tags"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:length]
