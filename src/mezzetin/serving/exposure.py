"""Whether a server may listen where it is told to: off this machine only when it asks who is there, and with TLS."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from mezzetin.errors import InputError
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin.accounts import list_accounts

_MAKE_KEYS = "make keys with `mezzetin keys add NAME` and name --keys FILE"
_MAKE_ACCOUNTS = "make an account with `mezzetin accounts add NAME --role admin --collection {}`, or name --oidc-issuer"


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
    return settings.keys_file is None and settings.entra_tenant is None and not asks_people(settings)


def asks_people(settings: ServeSettings) -> bool:
    """Say whether people sign in: with local accounts, disabled ones among them, or at a provider."""
    if settings.oidc_issuer is not None:
        return True
    return settings.accounts_file is not None and bool(list_accounts(settings.accounts_file))


def check_exposure(settings: ServeSettings) -> None:
    """Let a server start, or not.

    Raises:
        InputError: others could reach it without a key, or keys and pictures would travel in the clear; or one of
            two settings that belong together is missing.
        EnvironmentProblem: the file of accounts can't be used.

    """
    _check_sign_in(settings)
    make = _MAKE_KEYS if settings.collection is None else _MAKE_ACCOUNTS.format(settings.collection)
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise InputError("TLS needs two files: name --tls-certificate and --tls-key")
    if (settings.entra_tenant is None) != (not settings.entra_audiences):
        raise InputError("tokens of Entra need both: name --entra-tenant and --entra-audience")
    if settings.behind_gateway:
        _check_gateway(settings)
        return
    if is_open(settings) and settings.behind_proxy:
        raise InputError(f"what a proxy passes on is open to others: {make}, or leave --behind-proxy out")
    if is_loopback(settings.host):
        return
    if is_open(settings):
        raise InputError(f"{settings.host} is open to others: {make}")
    if settings.tls_certificate is None and not settings.behind_proxy:
        raise InputError(
            f"{settings.host} is open to others and nothing encrypts: name --tls-certificate and --tls-key, or say "
            "--behind-proxy where a proxy speaks TLS"
        )


def _check_gateway(settings: ServeSettings) -> None:
    """Who asks is the gateway's to know: nobody may think that it is asked here, too, nor be told apart here."""
    if not is_open(settings):
        raise InputError(
            "a gateway in front asks who is there, and so would this server: leave --behind-gateway out, or keys, "
            "tokens and accounts"
        )
    if settings.collection is not None:
        raise InputError(
            "behind a gateway nobody is known by name, and a review needs names: leave --collection out, or "
            "--behind-gateway"
        )


def _check_sign_in(settings: ServeSettings) -> None:
    if (settings.oidc_issuer is None) != (settings.oidc_client_id is None):
        raise InputError("signing in at a provider needs both: name --oidc-issuer and --oidc-client-id")
    if settings.public_url is not None and not _is_address(settings.public_url):
        raise InputError("--public-url takes the address that people type, such as https://captions.example")
    if settings.oidc_issuer is None:
        if settings.accounts is not None and not asks_people(settings):
            make = f"`mezzetin accounts add NAME --accounts {settings.accounts}`"
            raise InputError(f"{settings.accounts} holds no account: make one with {make}")
        return
    if settings.accounts_file is None:
        raise InputError("who has signed in is kept in a file: name --collection, or --accounts FILE")
    if settings.public_url is None and (settings.behind_proxy or not is_loopback(settings.host)):
        raise InputError("the provider sends people back to this server: name its address, --public-url https://...")


def _is_address(url: str) -> bool:
    """Whether it is an https address without path, query and the like; http for this machine alone."""
    try:
        parts = urlsplit(url)
        fits = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    return fits and encrypted and parts.path in ("", "/") and not parts.query and not parts.fragment
