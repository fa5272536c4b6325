"""What can go wrong with Azure, on order: each fault meets the requests that fit it, so and so many times.

Enters: a method and a pattern of paths. Leaves: an answer in place of the right one, or a connection that breaks.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass
class Answer:
    """What is sent back: a status, JSON (None: no body) and headers. Status 0 breaks the connection off."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """An error as ARM words it."""
    return Answer(status, {"error": {"code": code, "message": message}}, headers or {})


def unauthorised(reason: str = "") -> Answer:
    """The answer to a token that is too old, with a claims challenge (continuous access evaluation)."""
    claims = base64.b64encode(
        json.dumps({"access_token": {"nbf": {"essential": True, "value": "1"}}}).encode()
    ).decode()
    challenge = (
        'Bearer authorization_uri="https://login.microsoftonline.com/common", '
        f'error="insufficient_claims", claims="{claims}"'
    )
    message = reason or "The access token expiry UTC time is earlier than current UTC time."
    return refusal(401, "ExpiredAuthenticationToken", message, {"WWW-Authenticate": challenge})


@dataclass
class _Planned:
    method: str
    pattern: re.Pattern[str]
    answer: Answer
    times: int
    skip: int


class Faults:
    """The faults that are planned; patterns are searched in the path, whatever their case."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._provisioning: list[tuple[re.Pattern[str], str, str]] = []
        self._lock = Lock()

    def answer(self, method: str, pattern: str, answer: Answer, *, times: int = 1, skip: int = 0) -> None:
        """Answer the next `times` requests, after `skip` others, with `answer`; method "*" is any."""
        self._planned.append(_Planned(method, re.compile(pattern, re.IGNORECASE), answer, times, skip))

    def conflict(self, method: str, pattern: str, *, times: int = 1) -> None:
        """409: somebody else is changing it."""
        self.answer(method, pattern, refusal(409, "Conflict", "Another operation is in progress."), times=times)

    def throttle(self, method: str, pattern: str, *, retry_after: int = 1, times: int = 1) -> None:
        """429 with a Retry-After in seconds."""
        text = f"The request is being throttled. Retry after {retry_after} seconds."
        answer = refusal(429, "TooManyRequests", text, {"Retry-After": str(retry_after)})
        self.answer(method, pattern, answer, times=times)

    def expire_token(self, method: str, pattern: str, *, times: int = 1) -> None:
        """401 with a claims challenge, as for a token that was revoked or is too old."""
        self.answer(method, pattern, unauthorised(), times=times)

    def reset(self, method: str, pattern: str, *, times: int = 1) -> None:
        """The connection breaks off (RST) once the request was read."""
        self.answer(method, pattern, Answer(0), times=times)

    def fail_provisioning(self, pattern: str, code: str, message: str) -> None:
        """The next PUT that fits is taken, and its long-running operation ends as Failed with this error."""
        self._provisioning.append((re.compile(pattern, re.IGNORECASE), code, message))

    def meet(self, method: str, path: str) -> Answer | None:
        """The fault that meets a request, used up by it."""
        with self._lock:
            for planned in self._planned:
                if planned.method not in ("*", method) or not planned.pattern.search(path) or planned.times == 0:
                    continue
                if planned.skip:
                    planned.skip -= 1
                    continue
                planned.times -= 1
                return planned.answer
        return None

    def provisioning(self, path: str) -> tuple[str, str] | None:
        """The error (code, message) that a PUT's operation is to end with, used up by it."""
        with self._lock:
            for found in self._provisioning:
                if found[0].search(path):
                    self._provisioning.remove(found)
                    return found[1], found[2]
        return None
