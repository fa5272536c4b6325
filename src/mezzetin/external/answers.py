"""What a service said of one picture, or why it said nothing; and what a client of one has to offer.

Enters: the status, headers and body of an HTTP answer. Leaves: an `Answer` or a `Failure`. Nothing that a service
wrote reaches a message, but for its error's code: services repeat keys and addresses in their sentences.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from mezzetin.records import ModelInfo

_LONGEST_ANSWER = 1 << 20
_LONGEST_CODE = 60
_REDIRECTED = range(300, 400)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a language model read and wrote, as its service counted."""

    read: int
    written: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A caption; `confidence` is the service's own (0..1) or None, `version` the model that it says it used."""

    text: str
    confidence: float | None = None
    version: str = ""
    tokens: Tokens | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no caption, with one of these codes.

    - `refused`: the service does not take the key, the model or the picture;
    - `content_filtered`: its filter held the picture or the caption back;
    - `rate_limited`, `unavailable`, `timeout`: it is too busy, broken or silent;
    - `bad_answer`: it answered something else than a caption.

    `again` says that asking once more may help, after `wait` seconds where the service named a time; `charged` that
    it may be on the bill all the same; `for_all` that every other picture would fare no better.
    """

    code: str
    message: str
    again: bool = False
    wait: float | None = None
    charged: bool = False
    for_all: bool = False
    tokens: Tokens | None = None


class Client(Protocol):
    """One captioner of somebody else's: it is asked once for each picture, possibly by several threads at once."""

    @property
    def info(self) -> ModelInfo:
        """Who is asked."""

    def ask(self, jpeg: bytes, *, seconds: float) -> Answer | Failure:
        """Ask once, for `seconds` at most."""

    def close(self) -> None:
        """Let go of connections."""


def failed_status(name: str, status: int, code: object, headers: Mapping[str, str]) -> Failure:
    """What an HTTP error means; `code` is that of the service's own error, where it sent one."""
    named = safe_code(code)
    said = f"{status} {named}".rstrip()
    if named in ("insufficient_quota", "billing_hard_limit_reached"):
        return Failure("refused", f"{name} has no credit left ({said}): look at the account", for_all=True)
    if status == 429:
        return Failure(
            "rate_limited",
            f"{name} is asked too often ({said}): lower `parallel` or raise the quota",
            again=True,
            wait=retry_after(headers),
        )
    if status in (408, 409, 425) or status >= 500:
        busy = f"{name} is out of order ({said}): try again later"
        return Failure("unavailable", busy, again=True, wait=retry_after(headers))
    if status in (401, 403):
        return Failure("refused", f"{name} refuses the credential ({said}): check key_env or the role", for_all=True)
    if status == 404:
        return Failure("refused", f"{name} is not there ({said}): check endpoint and model", for_all=True)
    if status in _REDIRECTED:
        return Failure("refused", f"{name} points elsewhere ({said}): write its final endpoint", for_all=True)
    if "content_filter" in named.lower() or named in ("ResponsibleAIPolicyViolation", "content_policy_violation"):
        return filtered(name, "the picture")
    return Failure("refused", f"{name} refuses the picture ({said}): see that code in its documentation", charged=True)


def filtered(name: str, what: str, tokens: Tokens | None = None) -> Failure:
    """A filter of the service held something back."""
    message = f"{name} holds back {what} by its content filter: write this caption yourself"
    return Failure("content_filtered", message, charged=True, tokens=tokens)


def bad_answer(name: str, why: str, tokens: Tokens | None = None) -> Failure:
    """The service answered with success, but no caption."""
    message = f"{name} answered without a caption ({why}): check endpoint and model"
    return Failure("bad_answer", message, charged=True, tokens=tokens)


def timed_out(name: str) -> Failure:
    """The service may still have worked, and may charge for it: it is not asked again."""
    return Failure("timeout", f"{name} did not answer in time: raise `timeout` or try again later", charged=True)


def unreachable(name: str) -> Failure:
    """No connection came about, or it broke."""
    return Failure("unavailable", f"{name} can't be reached: check its endpoint and the network", again=True)


def signed_out(name: str) -> Failure:
    """Entra gives no token."""
    message = f"{name} can't be asked, because nobody is signed in: run mezzetin login, or name a key in key_env"
    return Failure("refused", message, for_all=True)


def read_json(name: str, chunks: Iterable[bytes], until: float) -> dict[str, Any] | Failure:
    """Read a JSON object that comes in pieces, up to 1 MB and the monotonic time `until`: a trickle is no answer."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if time.monotonic() > until:
            return timed_out(name)
        if len(body) > _LONGEST_ANSWER:
            return bad_answer(name, "far too long")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return bad_answer(name, "no JSON")
    return content if isinstance(content, dict) else bad_answer(name, "no JSON object")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that `Retry-After` (RFC 9110, 10.2.3: seconds or a date) or `retry-after-ms` asks to wait.

    `headers` find names whatever their case.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = (headers.get(name) or "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
            return float(text) / unit
    try:
        date = parsedate_to_datetime((headers.get("retry-after") or "").strip())
    except (ValueError, OverflowError):
        return None
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def safe_code(code: object) -> str:
    """A service's error code, as far as it looks like one; else nothing."""
    text = code if isinstance(code, str) else ""
    return text if re.fullmatch(rf"[A-Za-z][A-Za-z_.]{{0,{_LONGEST_CODE}}}", text) else ""
