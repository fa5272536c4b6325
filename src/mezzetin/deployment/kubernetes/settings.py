"""What an operator chooses of target `kubernetes`, checked and frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from mezzetin.config import Settings

_HOST = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$"
_NAME = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"


class KubernetesSettings(Settings):
    """Pods in a cluster; times in seconds.

    `overlay` is "base" (no way in from outside), "dev" (one small pod) or "aks" (an Ingress for `host`, whose
    certificate is in the Secret `tls_secret`, and workload identity). `kubeconfig` and `context` choose the cluster as
    kubectl's options do; the `namespace` must exist. Without an `image` one is built in the Azure Container Registry
    `acr` of `subscription` and `acr_resource_group`, from which the cluster must be allowed to pull; `endpoint` is
    Azure Resource Manager's. `model_store` is where a model goes that is not in the image, and
    `identity_client_id` the Entra identity with which the pods read it there. `keys` holds the API keys; left out, a
    file is made and kept on this machine. `trusted_proxies` are the addresses of the Ingress's pods and
    `ingress_namespace` is where they are. `url` is where the endpoint is asked; left out, it is the Ingress, otherwise
    a forwarded port.
    """

    overlay: Literal["base", "dev", "aks"] = "base"
    kubectl: str = "kubectl"
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str = Field("default", pattern=_NAME)

    image: str | None = None
    acr: str | None = Field(None, pattern=r"^[a-zA-Z0-9]{5,50}$")
    subscription: str | None = Field(None, min_length=1)
    acr_resource_group: str | None = Field(None, min_length=1)
    acr_server: str | None = None
    endpoint: str = "https://management.azure.com"
    model_store: str | None = Field(None, pattern=r"^(az|abfss|s3|gs)://")
    identity_client_id: str | None = None
    keys: Path | None = None

    host: str | None = Field(None, pattern=_HOST)
    tls_secret: str | None = Field(None, pattern=_NAME)
    ingress_class: str = "webapprouting.kubernetes.azure.com"
    ingress_namespace: str = Field("app-routing-system", pattern=_NAME)
    trusted_proxies: str = "10.244.0.0/16"
    url: str | None = Field(None, pattern="^https?://")

    least: int = Field(2, ge=1)
    most: int = Field(6, ge=1)
    cpu: str = Field("1", pattern=r"^\d+(\.\d+)?m?$")
    memory: str = Field("3Gi", pattern=r"^\d+(Mi|Gi)$")
    wait: float = Field(600.0, gt=0)

    @model_validator(mode="after")
    def _fits_together(self) -> KubernetesSettings:
        if self.overlay == "aks" and (self.host is None or self.tls_secret is None):
            raise ValueError('overlay = "aks" needs host and tls_secret, so that no key travels plain')
        if self.overlay != "aks" and self.host is not None:
            raise ValueError('a host needs overlay = "aks", which has the Ingress')
        if self.identity_client_id is not None and self.overlay != "aks":
            raise ValueError('identity_client_id needs overlay = "aks"')
        if self.acr is not None and (self.subscription is None or self.acr_resource_group is None):
            raise ValueError("acr needs subscription and acr_resource_group, where the image is built")
        if self.most < self.least:
            raise ValueError(f"most ({self.most}) is less than least ({self.least})")
        return self

    @property
    def server(self) -> str:
        """The registry's address."""
        return self.acr_server or f"{self.acr}.azurecr.io".lower()
