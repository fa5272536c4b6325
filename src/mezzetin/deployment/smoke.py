"""The smoke test: an endpoint is asked for the caption of a picture until it gives one.

Enters: where the endpoint is and what opens it. Leaves: the caption and the seconds that the answer took; or one line
that says why there will be none. The picture is drawn by code, the same every time.
"""

from __future__ import annotations

import base64
import io
import ipaddress
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mezzetin.deployment.base import Report
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress

REQUEST_S = 60.0
_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
#: What waiting does not mend. 404 it does: a gateway answers that before it knows what stands behind it.
_HOPELESS = {400, 401, 403, 405, 413, 415, 422}
#: Errors of the picture's item that a server under way to its feet may give.
_PASSING = {"deadline", "model_failed"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask: `POST /score` is relative to `url`; `headers` open it; `trust` says whose certificates count.

    `hostname` is what the certificate must name where that is not the URL's own host. `signature` is the model's, where
    another may answer for a while.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    trust: ssl.SSLContext | None = None
    hostname: str | None = None
    signature: str | None = None


def _hopeful() -> str | None:
    return None


def trusted(file: Path) -> ssl.SSLContext:
    """Whose certificates count: those of the authorities in a PEM file. Raises InputError where it is none."""
    try:
        return ssl.create_default_context(cafile=str(file))
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{file} can't be read as certificates: correct trust") from error


def photograph() -> bytes:
    """A picture of about 300 pixels a side, as JPEG."""
    from mezzetin.scenes import compose, paint

    rng = random.Random("smoke test")  # noqa: S311 - a picture, no secret
    content = io.BytesIO()
    paint(compose(rng, "meadow"), rng).save(content, "JPEG", quality=90)
    return content.getvalue()


def curl_line(url: str, picture: str = "PICTURE.jpg", *, key: str = "") -> str:
    """A command line that asks the endpoint; `key` is shell text that stands for the key, never the key itself."""
    header = f' -H "X-Api-Key: {key}"' if key else ""
    return f"curl -sS{header} -F images=@{picture} {url}/score"


def smoke_test(
    endpoint: Endpoint, *, wait: float, report: Report, look: Callable[[], str | None] = _hopeful
) -> tuple[str, float]:
    """Ask for a caption until one comes, `wait` seconds at most; return it and the seconds that its answer took.

    `look` is asked before each try and says in a sentence why waiting is in vain, or None.

    Raises:
        InputError: a key would travel over plain http to another machine.
        EnvironmentProblem: no caption came; the text names what was answered last.

    """
    import httpx2

    here = is_this_machine(endpoint.url)
    if endpoint.headers and not here and not endpoint.url.startswith("https://"):
        raise InputError(f"{endpoint.url} is not encrypted: no key is sent there; give the endpoint TLS")
    body = {"images": [{"id": "smoke test", "base64": base64.b64encode(photograph()).decode()}]}
    began = time.monotonic()
    pause = _PAUSE_S
    with httpx2.Client(verify=endpoint.trust or True, trust_env=not here, timeout=REQUEST_S) as client:
        while True:
            if (hopeless := look()) is not None:
                raise EnvironmentProblem(hopeless)
            asked = time.monotonic()
            caption, why = _ask(client, endpoint, body)
            now = time.monotonic()
            if caption is not None:
                return caption, now - asked
            if now - began + pause > wait:
                raise EnvironmentProblem(f"{endpoint.url} gave no caption within {wait:.0f} s: {why}; see its log")
            report(Progress("wait for the endpoint", int(now - began), int(wait), why))
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE_S)


def is_this_machine(url: str) -> bool:
    """Say whether a URL leads to this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ask(client: Any, endpoint: Endpoint, body: dict[str, Any]) -> tuple[str | None, str]:
    """The caption, or None and why there is none yet."""
    import httpx2

    headers = dict(endpoint.headers)
    extensions: dict[str, Any] = {}
    if endpoint.hostname is not None:
        headers["Host"] = endpoint.hostname
        extensions["sni_hostname"] = endpoint.hostname
    try:
        answer = client.post(f"{endpoint.url}/score", json=body, headers=headers, extensions=extensions)
    except httpx2.HTTPError as error:
        return None, f"it does not answer ({str(error) or type(error).__name__})"
    if answer.status_code in _HOPELESS:
        raise EnvironmentProblem(f"{endpoint.url} refused the smoke test: {_refusal(answer)}")
    if answer.status_code != 200:
        return None, f"it answered {answer.status_code}"
    try:
        item = answer.json()["results"][0]
        caption, problem = item.get("caption") or {}, item.get("error") or {}
        text, model = caption.get("text"), (caption.get("model") or {}).get("signature")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, "it answered something that is no answer of a captioner"
    if not text and problem.get("code") not in _PASSING:
        raise EnvironmentProblem(f"{endpoint.url} has no caption for a picture: {problem.get('message', 'no reason')}")
    if text and endpoint.signature is not None and model != endpoint.signature:
        return None, f"it answers with another model ({model})"
    return text or None, str(problem.get("message", ""))


def _refusal(answer: Any) -> str:
    if answer.status_code in (401, 403):
        return f"it answered {answer.status_code}, so the key is not one of its keys"
    return f"it answered {answer.status_code}"
