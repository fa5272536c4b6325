"""What an operator chooses of a server, checked and frozen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from mezzetin.config import Settings
from mezzetin.worker import BATCH, processors

MEGABYTE = 1 << 20


class ServeSettings(Settings):
    """How a server listens, what it takes, and how long it works on it; sizes in bytes, times in seconds.

    `model` is as everywhere; `keys_file` holds the API keys; `tls_certificate` and `tls_key` are PEM files;
    `behind_proxy` says that something in front speaks TLS. `entra_*` let tokens of a tenant in, made for one of the
    audiences. `cors_origins` are sites whose pages may ask; `rate` is in requests a second for each key (without
    keys: each address). `low_confidence` and `unlike_training` are where `/metrics` draws its lines. `allow_hosts`
    (`host` or `host:port`) are stores besides Azure's that a request may name.
    A request of more than `most_pictures` becomes a job.
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
    entra_tenant: str | None = None
    entra_audiences: tuple[str, ...] = ()
    entra_authority: str = "https://login.microsoftonline.com"
    cors_origins: tuple[str, ...] = ()
    rate: float | None = Field(None, gt=0)
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
    external_limit: float = Field(20.0, gt=0)

    low_confidence: float = Field(0.5, ge=0, le=1)
    unlike_training: float = Field(0.5, ge=0, le=1)
    log_format: Literal["auto", "json", "plain"] = "auto"
    log_level: Literal["debug", "info", "warning"] = "info"

    jobs: Path | None = None
    jobs_unfinished: int = Field(100, ge=1)
    jobs_days: float = Field(7.0, gt=0)

    @property
    def jobs_folder(self) -> Path:
        """Where jobs are kept: `jobs`, or a folder of this port below XDG_STATE_HOME or ~/.local/state."""
        if self.jobs is not None:
            return self.jobs
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return Path(base) / "mezzetin" / f"serve-{self.port}" / "jobs"
