"""What an operator chooses of target `aci`, checked and frozen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from mezzetin.config import Settings

_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{3,61}[a-z0-9]", re.ASCII)


class AciSettings(Settings):
    """A container group; sizes in GB, times in seconds. Secrets are named by file or environment variable, never given.

    `acr` is an Azure Container Registry: images are built and pulled there, as `identity` (the resource id of a
    user-assigned identity; "system" gives the group one of its own, which can't pull) or with `acr_username` and the
    password in the variable `acr_password_variable`. `model_store` is where a model goes that is not in the image
    (az://CONTAINER@ACCOUNT.blob.core.windows.net/PREFIX); the identity reads
    it there (a user-assigned one by `identity_client_id`). `keys` holds the API keys; left
    out, a file is made and kept on this machine. `tls` is Caddy with a certificate of Let's Encrypt for the DNS label,
    its state in the Azure Files `share`, or with the files `certificate` and `certificate_key` for `hostname`. A
    `subnet` makes the group private. `secrets` are environment variables of this machine that the group gets as secure
    values, `environment` are plain ones. `endpoint` is Azure Resource Manager's.
    """

    subscription: str = Field(min_length=1)
    resource_group: str = Field(min_length=1)
    location: str = Field(pattern=r"^[a-z0-9]+$")
    dns_label: str | None = None
    subnet: str | None = Field(None, pattern=r"^/subscriptions/.+/subnets/[^/]+$")

    acr: str | None = Field(None, pattern=r"^[a-zA-Z0-9]{5,50}$")
    acr_resource_group: str | None = None
    acr_server: str | None = None
    acr_username: str | None = None
    acr_password_variable: str = "MEZZETIN_REGISTRY_PASSWORD"  # noqa: S105 - a name
    identity: str | None = Field(None, pattern=r"^(system|/subscriptions/.+/userAssignedIdentities/[^/]+)$")
    identity_client_id: str | None = None
    model_store: str | None = Field(None, pattern=r"^(az|abfss)://")

    cpu: float = Field(2.0, gt=0, le=32)
    memory: float = Field(4.0, gt=0, le=256)
    restart: Literal["Always", "OnFailure", "Never"] = "Always"
    keys: Path | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    tls: Literal["letsencrypt", "certificate"] = "letsencrypt"
    certificate: Path | None = None
    certificate_key: Path | None = None
    hostname: str | None = None
    trust: Path | None = None
    caddy: str = "docker.io/library/caddy:2.10-alpine"
    share: str | None = None
    share_account: str | None = None
    share_key_variable: str = "AZURE_FILES_KEY"

    log_workspace: str | None = None
    log_key_variable: str = "LOG_ANALYTICS_KEY"
    endpoint: str = "https://management.azure.com"
    wait: float = Field(900.0, gt=0)

    @field_validator("dns_label")
    @classmethod
    def _is_label(cls, label: str | None) -> str | None:
        if label is not None and not _LABEL.fullmatch(label):
            raise ValueError("should be 5 to 63 small letters, digits and hyphens, a letter or digit at both ends")
        return label

    @model_validator(mode="after")
    def _fits_together(self) -> AciSettings:
        if self.tls == "certificate" and not (self.certificate and self.certificate_key and self.hostname):
            raise ValueError('tls = "certificate" needs certificate, certificate_key and hostname')
        if self.tls == "letsencrypt" and self.subnet is not None:
            raise ValueError(
                'Let\'s Encrypt does not reach a subnet: set tls = "certificate", so that no key travels plain'
            )
        if self.tls == "letsencrypt" and not (self.share and self.share_account):
            raise ValueError("Let's Encrypt needs share and share_account (Azure Files), or each restart asks it anew")
        if (self.dns_label is None) == (self.subnet is None):
            raise ValueError("choose one of dns_label (public) and subnet (private)")
        if self.model_store is not None and not (self.identity == "system" or self.identity_client_id):
            raise ValueError(
                'model_store is read by an identity: set identity = "system", or identity_client_id with it'
            )
        return self

    @property
    def server(self) -> str:
        """The registry's address."""
        return self.acr_server or f"{self.acr}.azurecr.io".lower()
