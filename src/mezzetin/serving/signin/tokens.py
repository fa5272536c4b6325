"""Tokens of identity: a signed JWT (RFC 7519) and a provider's keys in, claims out that may be believed.

Which algorithms count is not the token's to say: asymmetric ones alone, each with a key of its own kind.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from mezzetin.errors import MissingExtra

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY = 60
_LONGEST = 64 << 10
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]


def library() -> Any:
    """PyJWT with its signatures.

    Raises:
        MissingExtra: it is not installed.

    """
    try:
        import jwt
    except ImportError as error:
        raise MissingExtra("oidc", "signing in at a provider") from error
    if not jwt.algorithms.has_crypto:
        raise MissingExtra("oidc", "signing in at a provider")
    return jwt


def signing_keys(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The keys of a JWKS document (RFC 7517) by their ids; "" is the id of one without."""
    listed = document.get("keys")
    keys = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    signing = [key for key in keys if key.get("use", "sig") == "sig" and key.get("kty") in ("RSA", "EC", "OKP")]
    return {str(key.get("kid", "")): key for key in signing}


def key_id(token: str) -> str | None:
    """The id of the key that a token says it is signed with; None where it says nothing, or is no token."""
    try:
        found = library().get_unverified_header(token[:_LONGEST]).get("kid")
    except library().exceptions.PyJWTError:
        return None
    return str(found) if found is not None else None


def checked_claims(
    token: str, keys: Mapping[str, Mapping[str, Any]], issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """The claims of a token, as OpenID Connect Core 1.0 (3.1.3.7) has them checked.

    Raises:
        ValueError: it does not count; the text says why, without anything that it says.

    """
    jwt = library()
    wrong = jwt.exceptions
    if len(token) > _LONGEST:
        raise ValueError("the provider's token is too long")
    try:
        header = jwt.get_unverified_header(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(keys, header),
            algorithms=list(_ALGORITHMS),
            audience=client_id,
            issuer=issuer,
            leeway=_LEEWAY,
            options={"require": _REQUIRED},
        )
    except wrong.ExpiredSignatureError:
        raise ValueError("the provider's token is too old: check this machine's clock") from None
    except wrong.ImmatureSignatureError:
        raise ValueError("the provider's token is from the future: check this machine's clock") from None
    except wrong.PyJWTError:
        raise ValueError("the provider's token is not one for this server") from None
    parties = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", client_id if len(parties) == 1 else None) != client_id:
        raise ValueError("the provider's token is not one for this server")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise ValueError("the provider's token belongs to another attempt: sign in again")
    return claims


def _key(keys: Mapping[str, Mapping[str, Any]], header: Mapping[str, Any]) -> Any:
    """The key that a token names, or the only one there is; it must be of the kind that the algorithm takes."""
    algorithm, name = header.get("alg"), header.get("kid")
    found = keys.get(str(name)) if name is not None else next(iter(keys.values())) if len(keys) == 1 else None
    if algorithm not in _ALGORITHMS or found is None or found.get("alg", algorithm) != algorithm:
        raise ValueError("the provider's token is not signed with one of its keys")
    return library().PyJWK(dict(found), algorithm=algorithm)
