"""Addresses that came with somebody's request: which hosts they may name, and what they may bring.

Such an address is reached with the SAS that it carries or as nobody: never with the operator's credentials, never on
this machine's disk. Its host is Azure's own, or one that the operator lists in MEZZETIN_STORE_HOSTS.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from mezzetin.errors import InputError
from mezzetin.storage.address import Address, is_azure_host, is_trusted_host, parse


def check(url: str) -> Address:
    """Take a stranger's address apart.

    Raises:
        InputError: it is no https URL of Azure Blob storage or of a host that the operator trusts.

    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise InputError("the address can't be read: send a SAS URL of Azure Blob storage") from error
    azure = is_azure_host(host)
    plain_azure = azure and parts.scheme == "https" and port in (None, 443)
    listed = not azure and is_trusted_host(host, port) and parts.scheme in ("http", "https")
    if not (plain_azure or listed):
        raise InputError("the address is not one of Azure Blob storage: send a SAS URL of a container, folder or blob")
    found = parse(url, stranger=True)
    if found.kind != "azure":
        raise InputError("the address carries no SAS: send a SAS URL of a container, folder or blob")
    return found
