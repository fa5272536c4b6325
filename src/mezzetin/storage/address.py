"""Addresses: what a person writes for a place, taken apart without touching the network.

Enters: a path, a `file:` URL, or an address of a store (Azure Blob by `az:`, `abfss:`, `wasbs:`, blob URL or SAS URL;
`s3:`, `gs:`, `dbfs:`; any other `http(s):` URL). Leaves: an `Address`, whose text never shows a signature.

The Azure SDK takes the last part of a folder's SAS URL for the name of a blob, so these are taken apart here: host
style (`https://account.blob.core.windows.net/container/folder?sv=…`) and path style (`http://127.0.0.1:10000/account/
container/folder?sv=…`, as emulators and gateways have it).
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

from mezzetin.errors import InputError

Kind = Literal["local", "azure", "filesystem", "web"]
# Two letters at least: `C:\pictures` is a path.
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
# Azure's own hosts in every cloud, with secondary, private-link, zonal and OneLake names.
_AZURE_HOST = re.compile(
    r"(?P<account>[a-z0-9]+)(?P<rest>(-secondary)?(\.privatelink|\.z\d+)?)\.(blob|dfs)\."
    r"(?P<cloud>core\.windows\.net|core\.chinacloudapi\.cn|core\.usgovcloudapi\.net|storage\.azure\.net|fabric\.microsoft\.com)"
)
_SCHEMES_OF_AZURE = ("az", "abfs", "abfss", "wasb", "wasbs", "adl")
_FILESYSTEMS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "dbfs": "dbfs", "memory": "memory"}
_KNOWN = "a path, az://, abfss://, wasbs://, a blob or SAS URL, s3://, gs://, dbfs:/, https://"
_BLANKED = (
    "sig|signature|access_?token|access_?key|token|api-?key|key|password|secret|code|auth|authorization|"
    "x-amz-[a-z-]+|x-goog-[a-z-]+"
)
_SECRET = re.compile(rf"(?i)(?<![a-z0-9])((?:{_BLANKED})=)[^&\s'\"]+")
# Names that go behind a folder as they are: no part is empty, begins with a dot, or holds a backslash.
_PLAIN = re.compile(r"[^/\\.][^/\\]*(?:/[^/\\.][^/\\]*)*")
_SIGNED = re.compile(r"\?(?:[^#]*&)?sig=")
_EMULATOR = "devstoreaccount1"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A place, named.

    `endpoint` is the service: `https://account.blob.core.windows.net` (Azure; "" means the account that the
    environment names), `s3`, `https://host`; `container` the bucket, container or file system in it; `path` what
    follows, unescaped and without a slash at either end (a local path is kept as it is). `secret` is a SAS or a
    query. `stranger` says that it came with somebody's request, and is reached with what it carries alone.
    """

    kind: Kind
    endpoint: str
    container: str
    path: str
    scheme: str = ""
    secret: str = field(default="", repr=False)
    stranger: bool = False

    def __str__(self) -> str:
        inside = "/".join(part for part in (self.container, self.path) if part)
        if self.kind == "local":
            return self.path
        if self.kind == "web":
            return f"{self.endpoint}/{inside}" + (f"?{without_secrets(self.secret)}" if self.secret else "")
        # A link that was copied in part may hold its signature where a name is expected.
        return without_secrets(f"{self.endpoint}/{inside}" if self._is_url else f"{self.scheme}://{inside}")

    @property
    def _is_url(self) -> bool:
        return self.scheme in ("http", "https")

    def unredacted(self) -> str:
        """The address with all that it carries, as `parse` reads it back: for private use, never to be shown."""
        if self.kind == "local":
            return self.path
        if not self._is_url:
            return f"{self.scheme}://" + "/".join(part for part in (self.container, self.path) if part)
        # A web address was never unescaped: what its server makes of it is the server's.
        if self.kind == "web":
            inside = self.path
        else:
            inside = "/".join(quote(part, safe="/~$") for part in (self.container, self.path) if part)
        return f"{self.endpoint}/{inside}" + (f"?{self.secret}" if self.secret else "")

    def at(self, path: str) -> Address:
        """The address of another path in the same store."""
        # `dataclasses.replace` takes ten times as long, and a source has a place for every picture.
        return Address(self.kind, self.endpoint, self.container, path, self.scheme, self.secret, self.stranger)

    def root(self) -> Address:
        """The address of all that this one's store holds."""
        return self.at("")

    def down(self, name: str) -> Address:
        """The address of `name` inside this one; it has the same secret."""
        if self.kind == "local":
            plain = _PLAIN.fullmatch(name) is not None and self.path not in ("", ".", "/")
            return self.at(f"{self.path}/{name}" if plain else str(Path(self.path) / name))
        if self.path and _PLAIN.fullmatch(name):
            return self.at(f"{self.path}/{name}")
        parts: list[str] = []
        for part in (*self.path.split("/"), *name.replace("\\", "/").split("/")):
            if part == ".." and parts:
                parts.pop()
            elif part not in ("", ".", ".."):
                parts.append(part)
        return self.at("/".join(parts))

    def up(self) -> Address:
        """The address of the folder that holds this one; a container's is its own."""
        if self.kind == "local":
            return self.at(str(Path(self.path).parent))
        return self.at(self.path.rpartition("/")[0])

    @property
    def name(self) -> str:
        """The last part of the path."""
        if self.kind == "local":
            return Path(self.path).name
        return PurePosixPath(self.path).name or self.container


def parse(text: str, *, stranger: bool = False) -> Address:
    """Take apart what a person wrote.

    Raises:
        InputError: it is of a kind that nothing here reads, or names no container.

    """
    if not text.strip():
        raise InputError("an address is empty: name a path or an address (was a variable not set?)")
    scheme = SCHEME.match(text)
    if scheme is None and _SIGNED.search(text):
        raise InputError("this is a part of a SAS link, without its https://: copy the whole link")
    if scheme is None:
        return _local(str(Path(text)) if not text.startswith("~") else _home(text))
    name = scheme[1].lower()
    if name == "file":
        return _local(unquote(urlsplit(text).path))
    if name in _SCHEMES_OF_AZURE:
        return _azure_scheme(name, text)
    if name in _FILESYSTEMS:
        return _filesystem(_FILESYSTEMS[name], text[scheme.end() :])
    if name in ("http", "https"):
        return replace(_url(text), stranger=stranger)
    raise InputError(f"{name}: addresses are not known here: use {_KNOWN}")


def without_secrets(text: str) -> str:
    """Blank every signature, key and token of a query in a text, so that it may be shown or kept."""
    return _SECRET.sub(r"\1…", text)


def is_trusted_host(host: str, port: int | None = None) -> bool:
    """Say whether the operator's name may be given to a host: Azure's own, or one in MEZZETIN_STORE_HOSTS."""
    names = {name.strip() for name in os.environ.get("MEZZETIN_STORE_HOSTS", "").lower().split(",")} - {""}
    return is_azure_host(host) or host.lower() in names or f"{host.lower()}:{port}" in names


def is_azure_host(host: str) -> bool:
    """Say whether a host is one of Azure storage's own, in any of its clouds."""
    return _AZURE_HOST.fullmatch(host.lower()) is not None


def is_address(text: str) -> bool:
    """Say whether a text is an address of a store or URL, not a path."""
    return SCHEME.match(text) is not None


def _local(path: str) -> Address:
    return Address("local", "", "", path)


def _home(text: str) -> str:
    try:
        return str(Path(text).expanduser())
    except RuntimeError as error:
        raise InputError(f"{text}: there is no such user's home: write the whole path") from error


def _azure_scheme(scheme: str, text: str) -> Address:
    """`az://container/path`, `abfss://container@account.dfs.core.windows.net/path`, with a SAS behind it or not."""
    place, _, secret = text.partition("?")
    if not _is_sas(secret):
        place, secret = text, ""
    authority, _, path = place.partition(":/")[2].removeprefix("/").partition("/")
    container, _, host = authority.partition("@")
    if not container:
        raise InputError(f"{scheme}: addresses name a container: write {scheme}://CONTAINER/FOLDER")
    endpoint = ""
    if host:
        endpoint = _blob_endpoint("https", host)
    elif secret:
        raise InputError(f"a SAS belongs to an account: write {scheme}://CONTAINER@ACCOUNT.blob.core.windows.net/…?SAS")
    return Address("azure", endpoint, container, path.strip("/"), "https" if endpoint else "az", secret)


def _blob_endpoint(scheme: str, host: str) -> str:
    """The Blob endpoint of a host: the SDK speaks to it for `dfs` names too."""
    found = _AZURE_HOST.fullmatch(host.lower())
    if found is None:
        return f"{scheme}://{host}"
    return f"{scheme}://{found['account']}{found['rest']}.blob.{found['cloud']}"


def _filesystem(protocol: str, rest: str) -> Address:
    bucket, _, path = rest.lstrip("/").partition("/")
    if protocol == "dbfs":
        bucket, path = "", rest.strip("/")
        mounted = Path("/") / path if path.startswith("Volumes/") else Path("/dbfs") / path
        # On Databricks both are folders of the machine.
        if Path("/").joinpath(*mounted.parts[1:2]).is_dir():
            return _local(str(mounted))
    elif not bucket:
        raise InputError(f"{protocol}: addresses name a bucket: write {protocol}://BUCKET/FOLDER")
    return Address("filesystem", protocol, bucket, path.strip("/"), protocol)


def _url(text: str) -> Address:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise InputError("the URL can't be read: write it as https://host/path") from error
    if not host or "@" in parts.netloc:
        raise InputError("a URL names a host and carries no user or password: write it as https://host/path")
    segments = [unquote(part) for part in parts.path.split("/") if part]
    scheme, base = parts.scheme.lower(), f"{parts.scheme.lower()}://{parts.netloc.lower()}"
    if is_azure_host(host):
        return _container(_blob_endpoint(scheme, parts.netloc.lower()), segments, parts.query)
    if _is_path_style(host) and segments and (_is_sas(parts.query) or segments[0] == _EMULATOR):
        return _container(f"{base}/{segments[0]}", segments[1:], parts.query)
    if _is_sas(parts.query) and "." in host:
        # An account behind a name of its owner's.
        return _container(base, segments, parts.query)
    return Address("web", base, "", parts.path.lstrip("/"), scheme, parts.query)


def _container(endpoint: str, segments: list[str], query: str) -> Address:
    if not segments:
        raise InputError(f"{endpoint} names no container: write {endpoint}/CONTAINER/FOLDER")
    blob_in_root = len(segments) == 1 and parse_qs(query).get("sr") == ["b"]
    container, inside = ("$root", segments) if blob_in_root else (segments[0], segments[1:])
    return Address("azure", endpoint, container, "/".join(inside), endpoint.partition(":")[0], query)


def _is_path_style(host: str) -> bool:
    """Addresses by number and hosts without a domain hold many accounts, each under its own name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host == "host.docker.internal"
    return True


def _is_sas(query: str) -> bool:
    given = parse_qs(query)
    return "sig" in given and "sv" in given
