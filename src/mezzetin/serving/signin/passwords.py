"""Passwords: what one must be, its hash, and whether one fits.

Enters: a password as it was typed. Leaves: an argon2id hash (RFC 9106) with the parameters that argon2-cffi recommends
at present, or whether it fits one. Which passwords are taken follows NIST SP 800-63B: at least 12 characters, any
characters at all, and none that is guessed first. Text is compared after NFKC, so that two keyboards agree.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from mezzetin.errors import InputError

SHORTEST, LONGEST = 12, 1000
_LONGEST_UNIT = 4
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "1234567890-=qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
)
_SPELT = str.maketrans("013457@$!", "oleastasi")


def check_password(password: str, name: str) -> None:
    """Refuse a password that is too short, or that is guessed first.

    Raises:
        InputError: it is; the text says why, and never holds it.

    """
    text = _normal(password)
    if len(text) < SHORTEST:
        raise InputError(f"the password is too short: take {SHORTEST} characters or more, several words for example")
    if len(text) > LONGEST:
        raise InputError(f"the password is too long: take {LONGEST} characters at most")
    if _is_name(text, name):
        raise InputError("the password is the account's name: take one that nobody can guess from it")
    if _is_common(text):
        raise InputError(
            "the password is one of the first that are tried: take several words that don't belong together"
        )


def hash_password(password: str) -> str:
    """The hash of a password, with its salt and parameters (the PHC string format)."""
    return str(_hasher().hash(_normal(password)))


def fits(kept: str, password: str) -> bool:
    """Say whether a password belongs to a hash; about 50 ms and 64 MiB, whichever it is."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return bool(_hasher().verify(kept, _normal(password[: LONGEST + 1])))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Say whether a hash was made with other parameters than new ones are."""
    return bool(_hasher().check_needs_rehash(kept))


@cache
def nobodys_hash() -> str:
    """A hash that no password fits, to compare with where there is no account: it takes as long."""
    import secrets

    return hash_password(secrets.token_urlsafe(32))


@cache
def _hasher() -> Any:
    from argon2 import PasswordHasher

    return PasswordHasher()


def _normal(password: str) -> str:
    # A lone surrogate can't be encoded: a form's broken bytes must be a wrong password and no failure.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode("utf-8")


def _is_name(text: str, name: str) -> bool:
    """Whether it is the name, perhaps repeated, turned round, or with digits and signs at its ends."""
    letters, own = re.sub(r"[\W_]", "", text.casefold()), re.sub(r"[\W_]", "", name.casefold())
    if not own:
        return False
    core = letters.strip("0123456789")
    known = {own, own[::-1], own.strip("0123456789")} - {""}
    return letters in known or core in known or any(core == part * (len(core) // len(part)) for part in known)


def _is_common(text: str) -> bool:
    folded = text.casefold()
    bare = re.sub(r"[\W_]", "", folded)
    if any(folded in row * 2 or folded in row[::-1] * 2 for row in _ROWS) or len(set(bare)) <= 2:
        return True
    unit = next((n for n in range(1, _LONGEST_UNIT + 1) if folded == (folded[:n] * len(folded))[: len(folded)]), 0)
    ends = re.compile(r"^[\W\d_]+|[\W\d_]+$")
    forms = (bare.strip("0123456789"), bare.translate(_SPELT), ends.sub("", folded).translate(_SPELT))
    whole = any(form == word * max(1, len(form) // len(word)) for form in forms for word in _common())
    return bool(unit) or whole or (bool(bare) and not forms[0] and len(bare) <= SHORTEST and _is_run(bare))


@cache
def _common() -> frozenset[str]:
    """What is left of a password that is guessed early, once the digits and signs at its ends are gone."""
    return frozenset((files(__package__) / "common.txt").read_text(encoding="utf-8").split())


def _is_run(digits: str) -> bool:
    """Digits that go up or down in equal steps."""
    return len({(int(b) - int(a)) % 10 for a, b in pairwise(digits)}) == 1
