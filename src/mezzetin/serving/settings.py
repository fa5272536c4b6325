"""What an operator chooses of a server, checked and frozen."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from mezzetin.config import Settings
from mezzetin.serving.signin.accounts import accounts_beside
from mezzetin.serving.signin.roles import checked_role
from mezzetin.worker import BATCH, processors

MEGABYTE = 1 << 20


class ServeSettings(Settings):
    """How a server listens, what it takes, and how long it works on it; sizes in bytes, times in seconds.

    `model` is as everywhere; `keys_file` holds the API keys; `tls_certificate` and `tls_key` are PEM files;
    `behind_proxy` says that something in front speaks TLS; `behind_gateway` that it also asks everybody who they are,
    and that nobody gets past it. `entra_*` let tokens of a tenant in, made for one of the
    audiences. `cors_origins` are sites whose pages may ask; `rate` is in requests a second for each key (without
    keys: each address). `low_confidence` and `unlike_training` are where `/metrics` draws its lines. `allow_hosts`
    (`host` or `host:port`) are stores besides Azure's that a request may name.
    A request of more than `most_pictures` becomes a job. `external` names the captioners that are asked too, which
    `external_settings` describes (as `mezzetin.external.settings` reads it) and which cost `budget` at most until the
    server ends; a picture whose name fits a pattern of `restricted` is not sent to them.
    `accounts` is the file of accounts and sessions, beside the `collection` where nobody says otherwise; people reach
    the server at `public_url`. `oidc_*` let people of an OpenID Connect provider in: `oidc_roles` are `VALUE=ROLE`, for
    values of the claim; without any a value that is a role's name counts.
    `collection` is a file of `mezzetin collect` whose captions are reviewed here, by the `house_rules` of a TOML file;
    `picture_sources` are places with the signature that the collection does not keep. `gallery` says who looks at its
    pictures: everybody (`public`: approved texts and no restricted picture; with `gallery_machine` machine texts too),
    or who has signed in.
    """

    model: str | None = None
    beam: int | None = Field(None, ge=1, le=50)
    alternatives: int = Field(4, ge=0, le=49)
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)

    keys_file: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    behind_gateway: bool = False
    entra_tenant: str | None = None
    entra_audiences: tuple[str, ...] = ()
    entra_authority: str = "https://login.microsoftonline.com"
    cors_origins: tuple[str, ...] = ()
    rate: float | None = Field(None, gt=0)

    accounts: Path | None = None
    public_url: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_secret_file: Path | None = None
    oidc_scopes: tuple[str, ...] = ("openid", "profile", "email")
    oidc_role_claim: str = "roles"
    oidc_roles: tuple[str, ...] = ()
    oidc_default_role: Literal["viewer", "reviewer", "admin", "none"] = "viewer"

    allow_hosts: tuple[str, ...] = ()

    batch: int = Field(BATCH, ge=1, le=256)
    threads: int = Field(default_factory=processors, ge=1)
    queue: int = Field(64, ge=1)
    deadline: float = Field(30.0, gt=0)
    drain: float = Field(30.0, ge=0)

    decoders: int = Field(default_factory=lambda: max(2, min(4, processors())), ge=1, le=64)
    decode_limit: float = Field(10.0, gt=0)
    decode_memory: int = Field(2048 * MEGABYTE, ge=256 * MEGABYTE)
    max_pixels: int = Field(100_000_000, ge=1)

    most_pictures: int = Field(64, ge=1)
    picture_bytes: int = Field(20 * MEGABYTE, ge=1)
    body_bytes: int = Field(64 * MEGABYTE, ge=1)
    bodies_bytes: int = Field(512 * MEGABYTE, ge=1)
    body_limit: float = Field(60.0, gt=0)
    fetches: int = Field(16, ge=1)

    external: tuple[str, ...] = ()
    external_settings: Path | None = None
    external_limit: float = Field(20.0, gt=0)
    budget: Decimal | None = Field(None, ge=0)
    restricted: tuple[str, ...] = ()

    collection: Path | None = None
    house_rules: Path | None = None
    picture_sources: tuple[str, ...] = ()
    gallery: Literal["public", "signed-in", "off"] = "signed-in"
    gallery_machine: bool = False

    low_confidence: float = Field(0.5, ge=0, le=1)
    unlike_training: float = Field(0.5, ge=0, le=1)
    log_format: Literal["auto", "json", "plain"] = "auto"
    log_level: Literal["debug", "info", "warning"] = "info"

    jobs: Path | None = None
    jobs_unfinished: int = Field(100, ge=1)
    jobs_days: float = Field(7.0, gt=0)

    @model_validator(mode="after")
    def _somebody_is_asked(self) -> Self:
        if not self.external and (self.external_settings is not None or self.budget is not None or self.restricted):
            raise ValueError("external settings, a budget and restricted names are for captioners: name one (--with)")
        return self

    @model_validator(mode="after")
    def _a_gallery_shows_something(self) -> Self:
        if self.gallery == "public" and self.collection is None:
            raise ValueError("a public gallery shows a collection: name one (--collection)")
        if self.gallery_machine and self.gallery != "public":
            raise ValueError("machine texts are left out of a public gallery alone: add --gallery public")
        return self

    @field_validator("oidc_roles")
    @classmethod
    def _roles_are_roles(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        for pair in pairs:
            value, _, role = pair.rpartition("=")
            if not value:
                raise ValueError("a role of the provider's is VALUE=ROLE, such as Mezzetin.Reviewer=reviewer")
            checked_role(role)
        return pairs

    @property
    def accounts_file(self) -> Path | None:
        """Where accounts and sessions are kept: `accounts`, or beside the collection; None without either."""
        if self.accounts is not None or self.collection is None:
            return self.accounts
        return accounts_beside(self.collection)

    @property
    def jobs_folder(self) -> Path:
        """Where jobs are kept: `jobs`, or a folder of this port below XDG_STATE_HOME or ~/.local/state."""
        if self.jobs is not None:
            return self.jobs
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return Path(base) / "mezzetin" / f"serve-{self.port}" / "jobs"
