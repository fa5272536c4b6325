"""What an operator chooses of target `azureml`, checked and frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mezzetin.config import Settings
from mezzetin.registry.azureml_door import Scope


class AzureMLSettings(Settings):
    """A managed online endpoint; times in seconds, `canary` in percent.

    `model_name` is what the bundle is registered as, by default its own name. `instance_type`: Standard_DS3_v2 is the
    smallest that Azure calls enough for an endpoint, and its 4 cores caption a batch; `instance_count` of 2 outlives a
    machine. `concurrency` requests reach an instance at once, so that they are captioned together, and each has
    `timeout` (Azure's own values, 1 and 5 s, would leave one picture at a time). `canary` is the share of the requests
    that a new version gets; the call after that, without it, finishes. `keep_old` keeps the version before, without
    traffic, for a way back; it costs its instances.

    With `--image` the container answers `score_route`, `live_route` and `ready_route` on `port`; the image of
    `mezzetin serve` is told that the endpoint is a gateway which asks for keys, so that it asks for none.
    Otherwise Azure builds an environment: `base_image`, with `python` and the pip requirement `package` (by default
    this version of Mezzetin) and the inference server in it. `environment` are variables of the container, no secrets.
    `trust` is the file of an authority whose certificates count, for a private endpoint.
    """

    subscription: str = Field(pattern=r"^[\w-]+$")
    resource_group: str = Field(pattern=r"^[\w.()-]+$")
    workspace: str = Field(pattern=r"^[\w-]+$")

    model_name: str | None = None
    auth_mode: Literal["key", "aad_token"] = "key"
    public: bool = True
    instance_type: str = "Standard_DS3_v2"
    instance_count: int = Field(1, ge=1, le=100)
    concurrency: int = Field(16, ge=1, le=512)
    timeout: int = Field(90, ge=1, le=180)
    canary: int | None = Field(None, ge=1, le=99)
    keep_old: bool = False

    port: int = Field(8000, ge=1, le=65535)
    score_route: str = Field("/score", pattern=r"^/")
    live_route: str = Field("/livez", pattern=r"^/")
    ready_route: str = Field("/readyz", pattern=r"^/")
    base_image: str = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
    python: str = Field("3.11", pattern=r"^3\.\d+$")
    package: str | None = None
    environment: dict[str, str] = Field(default_factory=dict)

    trust: Path | None = None
    wait: float = Field(2400.0, gt=0)

    @property
    def scope(self) -> Scope:
        """The workspace."""
        return Scope(self.subscription, self.resource_group, self.workspace)
