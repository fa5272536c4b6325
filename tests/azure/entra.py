"""Azurite that takes Entra tokens: https, a certificate authority of its own, and tokens that it accepts.

Enters: a folder. Leaves: an `EntraAzurite`, whose `authority` is the file that a client must trust, and credentials
as azure-identity gives them. Azurite (`--oauth basic`) looks at a token's times, issuer and audience, and not at its
signature; it allows a token everything, and takes none over http.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken, AccessTokenInfo
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.azure.azurite import Azurite

TENANT = "0f3c5a1e-7d7b-4c55-9e59-6d2f6c1b8a42"
PERSON = "5b1f0c0e-93c4-4a0e-8d0a-2f7d1b6e9c33"


class Signed:
    """A credential that holds tokens of its own making: a `TokenCredential`, and one that gives token infos."""

    def __init__(self, *, expires_in: float = 3600, audience: str = "https://storage.azure.com") -> None:
        self.expires_in = expires_in
        self.audience = audience
        self.asked: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token, and remember in `asked` which scopes it was asked for."""
        self.asked.append(scopes)
        expires = int(time.time() + self.expires_in)
        return AccessToken(bearer_token(expires=expires, audience=self.audience), expires)

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """As `get_token`, in the newer form."""
        token = self.get_token(*scopes)
        return AccessTokenInfo(token.token, token.expires_on)


def bearer_token(*, expires: int, audience: str = "https://storage.azure.com") -> str:
    """Return a JSON Web Token (RFC 7519) as Entra would issue it, but for its signature."""
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "tid": TENANT,
        "oid": PERSON,
        "iat": expires - 7200,
        "nbf": expires - 7200,
        "exp": expires,
    }
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode(), b"not a signature")
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


class EntraAzurite(Azurite):
    """Azurite over https that takes tokens, and account keys and SAS links as before."""

    scheme = "https"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.authority = folder / "authority.pem"
        self._certificate = folder / "certificate.pem"
        self._private_key = folder / "key.pem"
        folder.mkdir(parents=True, exist_ok=True)
        _write_certificates(self.authority, self._certificate, self._private_key)

    def credential(self, *, expires_in: float = 3600) -> Signed:
        """Return a credential that Azurite accepts; with a negative `expires_in`, one whose tokens are too old."""
        return Signed(expires_in=expires_in)

    def _client_options(self) -> dict[str, Any]:
        return {"connection_verify": str(self.authority)}

    def _server_options(self) -> list[str]:
        return ["--oauth", "basic", "--cert", str(self._certificate), "--key", str(self._private_key)]


def _write_certificates(authority: Path, certificate: Path, private_key: Path) -> None:
    """Write an authority, and a certificate of it for 127.0.0.1 and localhost with its private key.

    One certificate that is both would be simpler, but strict clients (rustls in deltalake) refuse it.
    """
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    signer = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = (
        _draft("Mezzetin's tests", root_key, issuer="Mezzetin's tests")
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_uses(key_cert_sign=True), critical=True)
        .add_extension(signer, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    leaf = (
        _draft("127.0.0.1", key, issuer="Mezzetin's tests")
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_uses(digital_signature=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    authority.write_bytes(root.public_bytes(Encoding.PEM))
    certificate.write_bytes(leaf.public_bytes(Encoding.PEM))
    private_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _draft(name: str, key: ec.EllipticCurvePrivateKey, *, issuer: str) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
    )


def _uses(*, key_cert_sign: bool = False, digital_signature: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
