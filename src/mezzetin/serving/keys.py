"""API keys: who may ask, in one file that holds no key.

Enters: a name, or a key out of a request. Leaves: a key that is shown once, or the record of whose key it is.

A key is `mz_ID_SECRET`. The id is public and finds the record, which holds a random salt and the SHA-256 of salt and
secret. One round is enough: slow hashes protect what people think up, and a secret here is 256 random bits, which
nobody can try out, however fast the hash. The salt keeps equal secrets from having equal records.

The file is written beside its place with mode 0600 and renamed, under a lock, so that the command line and any
number of servers may write it. A server looks at the file's date before each request and reads it again when it has
changed: a key that was revoked is refused from then on.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mezzetin.errors import EnvironmentProblem, FormatError, InputError
from mezzetin.serving.signin.roles import Role, checked_role
from mezzetin.storage.paths import writing

_VERSION = 2
"""1 knew no roles: its keys are viewers'."""
_KEY = re.compile(r"mz_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
#: What an unknown id is compared with, so that it takes as long as a known one.
_NOBODY = "0" * 64


class Key(BaseModel):
    """The record of one key; times are ISO 8601 in UTC, `digest` is SHA-256 of salt and secret in hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern="^[0-9a-f]{12}$")
    name: str
    salt: str = Field(pattern="^[0-9a-f]{32}$", repr=False)
    digest: str = Field(pattern="^[0-9a-f]{64}$", repr=False)
    created: str
    role: Role = "viewer"
    last_used: str | None = None
    revoked: str | None = None

    def fits(self, secret: str) -> bool:
        """Say whether the secret is this key's; it takes as long for any."""
        return hmac.compare_digest(_digest(self.salt, secret), self.digest)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = "mezzetin-keys"
    version: int = _VERSION
    keys: tuple[Key, ...] = ()


def keys_file() -> Path:
    """Where keys are kept when nobody says otherwise: below XDG_CONFIG_HOME or ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "mezzetin" / "keys.json"


def add_key(name: str, file: Path | None = None, role: str = "viewer") -> str:
    """Make a key and return it; it can't be had again. `role` is viewer, reviewer or admin.

    Raises:
        InputError: the name or the role is none, or a key that counts has the name.
        EnvironmentProblem: the file can't be read or written.

    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a key: use up to 64 letters, digits, '.', '_' and '-'")
    try:
        chosen = checked_role(role)
    except ValueError as error:
        raise InputError(str(error)) from None
    file = file or keys_file()
    with _changing(file):
        known = read_keys(file)
        if any(key.name == name and key.revoked is None for key in known):
            raise InputError(f"there is a key {name} already: revoke it first, or choose another name")
        taken = {key.id for key in known}
        number = next(found for found in iter(lambda: secrets.token_hex(6), "") if found not in taken)
        salt, secret = secrets.token_hex(16), secrets.token_urlsafe(32)
        made = Key(id=number, name=name, salt=salt, digest=_digest(salt, secret), created=_now(), role=chosen)
        _write(file, [*known, made])
    return f"mz_{number}_{secret}"


def revoke_key(name: str, file: Path | None = None) -> Key:
    """Let a key count no longer; a server that runs refuses it from its next request on.

    Raises:
        InputError: no key that counts has this name.
        EnvironmentProblem: the file can't be read or written.

    """
    file = file or keys_file()
    with _changing(file):
        known = read_keys(file)
        found = next((key for key in known if key.name == name and key.revoked is None), None)
        if found is None:
            raise InputError(f"there is no key {name} to revoke in {file}: `mezzetin keys list` names those that count")
        revoked = found.model_copy(update={"revoked": _now()})
        _write(file, [revoked if key is found else key for key in known])
    return revoked


def list_keys(file: Path | None = None) -> list[Key]:
    """The records of all keys, revoked ones among them, oldest first; none where there is no file.

    Raises:
        FormatError: the file is no file of keys, or of a newer version.
        EnvironmentProblem: the file can't be read.

    """
    return read_keys(file or keys_file())


def read_keys(file: Path) -> list[Key]:
    """What `list_keys` returns, of this file."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EnvironmentProblem(f"{file} can't be read ({error.strerror}): check its owner and mode") from error
    try:
        found = _File.model_validate_json(content)
    except ValidationError as error:
        raise FormatError(f"{file} is no file of keys: name one that `mezzetin keys add` made") from error
    if found.format != "mezzetin-keys" or found.version > _VERSION:
        raise FormatError(f"{file} is of a newer format, version {found.version}: update Mezzetin")
    return list(found.keys)


def mark_used(file: Path, moments: dict[str, str]) -> None:
    """Note when keys were last used, by their ids.

    Raises:
        EnvironmentProblem: the file can't be read or written.

    """
    with _changing(file):
        known = read_keys(file)
        _write(file, [key.model_copy(update={"last_used": moments.get(key.id, key.last_used)}) for key in known])


class Keyring:
    """The keys of one file as a server asks for them; the file is read again when it has changed.

    A file that has gone or can't be read holds no key: whoever takes it away shuts the door.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        self.problem: str | None = None
        """Why the file could not be read, when last looked at."""

    def find(self, key: str) -> Key | None:
        """The record of a key that counts; None for any other text."""
        self._look()
        parts = _KEY.fullmatch(key)
        number, secret = parts.groups() if parts else ("", "")
        found = self._keys.get(number)
        if found is None:
            hmac.compare_digest(_digest("", secret), _NOBODY)
            return None
        return found if found.fits(secret) and found.revoked is None else None

    @property
    def names(self) -> list[str]:
        """The names of the keys that count."""
        self._look()
        return [key.name for key in self._keys.values() if key.revoked is None]

    def _look(self) -> None:
        try:
            found = self.file.stat()
            seen = (found.st_ino, found.st_size, found.st_mtime_ns)
            if seen == self._seen:
                return
            self._keys, self._seen, self.problem = {key.id: key for key in read_keys(self.file)}, seen, None
        except OSError as error:
            self._shut(f"{self.file} can't be read ({error.strerror})")
        except (EnvironmentProblem, FormatError) as error:
            self._shut(str(error))

    def _shut(self, why: str) -> None:
        self._keys, self._seen, self.problem = {}, None, why


@contextmanager
def _changing(file: Path) -> Iterator[None]:
    """One writer at a time. The lock is a file of its own, because the other one is replaced."""
    with writing(file):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(file.with_name(f".{file.name}.lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _write(file: Path, keys: Sequence[Key]) -> None:
    """Beside its place and renamed. Private from its first byte on, whatever the umask."""
    beside = file.with_name(f".{file.name}.part")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        if file.exists() and (owner := file.stat().st_uid) != os.geteuid():
            # A server that runs as root must not take the file away from whoever keeps it.
            os.fchown(stream.fileno(), owner, -1)
        stream.write(_File(keys=tuple(keys)).model_dump_json(indent=1).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
