"""A cloud of one's own on loopback, as azure-ai-ml wants one: https everywhere, and hosts named like Azure's.

Enters: a folder. Leaves: an Azurite that answers as ACCOUNT.blob.localhost, a Resource Manager, the certificates of
both, and the environment in which azure-ai-ml takes them for its cloud: ARM_CLOUD_METADATA_URL says where everything
is, AZUREML_DEV_URL_MFE where its own requests go, REGISTRY_DISCOVERY_ENDPOINT_URL where registries are looked up.
"""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.azure.arm.machinelearning import CLOUD
from tests.azure.arm.server import ArmServer
from tests.azure.azurite import ACCOUNT, Azurite

_ask_system = socket.getaddrinfo


class NamedAzurite(Azurite):
    """Azurite over https, reached by names as Azure has them."""

    scheme = "https"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.private_key = folder / "certificate.pem", folder / "key.pem"
        write_certificate(self.certificate, self.private_key)

    @property
    def host(self) -> str:
        """What stands behind ACCOUNT.blob. in its names."""
        return f"localhost:{self.port}"

    def _client_options(self) -> dict[str, Any]:
        return {"connection_verify": str(self.certificate)}

    def _server_options(self) -> list[str]:
        return ["--oauth", "basic", "--cert", str(self.certificate), "--key", str(self.private_key)]


def variables(arm: ArmServer, azurite: NamedAzurite) -> dict[str, str]:
    """The environment that leads azure-ai-ml here and nowhere else."""
    return {
        "AZUREML_CURRENT_CLOUD": CLOUD,
        "ARM_CLOUD_METADATA_URL": f"{arm.url}/metadata/endpoints",
        "AZUREML_DEV_URL_MFE": arm.url,
        "REGISTRY_DISCOVERY_ENDPOINT_URL": f"{arm.url}/",
        "REQUESTS_CA_BUNDLE": str(azurite.certificate),
        "SSL_CERT_FILE": str(azurite.certificate),
        "NO_PROXY": "localhost,127.0.0.1,.localhost",
    }


def resolve_localhost(host: Any, *arguments: Any, **options: Any) -> Any:
    """`socket.getaddrinfo` with every name below localhost on loopback, as RFC 6761 has it; not all systems do that."""
    local = isinstance(host, str) and host.endswith(".localhost")
    return _ask_system("127.0.0.1" if local else host, *arguments, **options)


def write_certificate(certificate: Path, private_key: Path) -> None:
    """Write a certificate that vouches for itself, for localhost, its storage account and 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mezzetin's tests")])
    names = [
        x509.DNSName("localhost"),
        x509.DNSName(f"{ACCOUNT}.blob.localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
