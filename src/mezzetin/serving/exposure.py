"""Whether a server may listen where it is told to: off this machine only with keys, and with TLS or a proxy's."""

from __future__ import annotations

import ipaddress

from mezzetin.errors import InputError
from mezzetin.serving.settings import ServeSettings

_MAKE_KEYS = "make keys with `mezzetin keys add NAME` and name --keys FILE"


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches a server that listens on `host`; a name other than localhost is not."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_open(settings: ServeSettings) -> bool:
    """Say whether a server asks nobody who they are."""
    return settings.keys_file is None and settings.entra_tenant is None


def check_exposure(settings: ServeSettings) -> None:
    """Let a server start, or not.

    Raises:
        InputError: others could reach it without a key, or keys and pictures would travel in the clear; or one of
            two settings that belong together is missing.

    """
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise InputError("TLS needs two files: name --tls-certificate and --tls-key")
    if (settings.entra_tenant is None) != (not settings.entra_audiences):
        raise InputError("tokens of Entra need both: name --entra-tenant and --entra-audience")
    if is_open(settings) and settings.behind_proxy:
        raise InputError(f"what a proxy passes on is open to others: {_MAKE_KEYS}, or leave --behind-proxy out")
    if is_loopback(settings.host):
        return
    if is_open(settings):
        raise InputError(f"{settings.host} is open to others: {_MAKE_KEYS}")
    if settings.tls_certificate is None and not settings.behind_proxy:
        raise InputError(
            f"{settings.host} is open to others and nothing encrypts: name --tls-certificate and --tls-key, or say "
            "--behind-proxy where a proxy speaks TLS"
        )
