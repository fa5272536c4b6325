"""Network and accounts: whether the model hub answers, and as whom this machine would go to a cloud.

Names of variables are told, never their values; of a token only whom it names.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from typing import Any

from mezzetin.checkup.findings import Finding, Tell
from mezzetin.errors import FetchError, MissingExtra
from mezzetin.storage.azure.credentials import SCOPE, identity, login_file

_GROUP = "network and accounts"
_HUB = "https://huggingface.co"
_HUB_S = 3.0
_UNREACHED = frozenset({"unresolved", "connection", "tls", "timeout", "refused_address", "refused_port", "bad_url"})
_PREFIXES = ("AZURE_", "AWS_", "GOOGLE_", "DATABRICKS_", "MEZZETIN_", "HF_")
#: Claims of an Entra token (access tokens, versions 1 and 2) that name its bearer, the plainest first.
_NAMES = ("upn", "unique_name", "preferred_username", "app_displayname", "appid", "azp", "oid")


def hub(tell: Tell) -> None:
    """Whether encoder weights could be downloaded; everything else works offline."""
    # Here, because api imports this module and captioning a local picture needs no HTTP.
    from mezzetin.storage.web.fetch import Fetcher, policy_from_environment

    address = os.environ.get("HF_ENDPOINT") or _HUB
    policy = replace(policy_from_environment(), timeout_s=_HUB_S, max_bytes=1 << 20, redirects=0)
    with Fetcher(policy) as fetcher:
        try:
            fetcher.fetch(address)
        except FetchError as error:
            if error.code in _UNREACHED:
                says = "not reached (fine offline: only encoders that you name are downloaded)"
                tell(Finding(_GROUP, "model hub", "note", says, "give train --encoder-weights FILE instead"))
                return
    tell(Finding(_GROUP, "model hub", "ok", "reached"))


def variables(tell: Tell) -> None:
    """Which variables are set that decide how a store is reached; names only."""
    named = sorted(name for name in os.environ if name.startswith(_PREFIXES) and os.environ[name])
    tell(Finding(_GROUP, "variables", "note", ", ".join(named) if named else "none is set"))


def azure(tell: Tell) -> None:
    """Who is signed in to Azure on this machine."""
    if login_file().exists():
        tell(Finding(_GROUP, "mezzetin login", "note", f"kept in {login_file()}"))
    try:
        credential, _ = identity()
        from azure.core.exceptions import ClientAuthenticationError
    except MissingExtra as error:
        tell(Finding(_GROUP, "Azure", "note", str(error)))
        return
    try:
        token = credential.get_token(SCOPE).token
    except ClientAuthenticationError:
        advice = "run mezzetin login, or use a SAS URL or a connection string"
        tell(Finding(_GROUP, "Azure", "note", "nobody is signed in", advice))
    else:
        tell(Finding(_GROUP, "Azure", "ok", f"signed in as {bearer(token)}"))


def bearer(token: str) -> str:
    """Whom an access token (RFC 7519) names; its signature is the service's affair, and nothing else is told of it."""
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        return "somebody (the token does not say who)"
    named = next((str(claims[name]) for name in _NAMES if claims.get(name)), "somebody (the token does not say who)")
    return f"{named}, tenant {claims['tid']}" if claims.get("tid") else named
