"""Blanking: a text in, the same without what opens a door.

For logs, which are made of other people's texts: a URL that a library repeats, the headers that an SDK lists, the
message of somebody's exception. What is blanked: the query of every URL and whatever a query calls a signature, key
or token; the value of every header that carries one; keys of ours, JSON web tokens, connection strings; and, word for
word, what the environment calls a secret. Rather too much than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

BLANK = "[blanked]"
_LEAST = 8
_SECRET_NAME = re.compile(r"(?i)(KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|CONNECTION_STRING|SAS)")
_HEADERS = "(?:(?:proxy-)?authorization|(?:x-)?api-?key|ocp-apim-subscription-key|x-csrf-token|(?:set-)?cookie)"
_PARAMETERS = (
    "sig|signature|sv|se|sp|skoid|sktid|key|code|token|secret|password|api[-_]?key|subscription[-_]?key|access[-_]?token|"
    "refresh[-_]?token|id[-_]?token|client[-_]?secret|client[-_]?assertion|account[-_]?key|sharedaccess(?:signature|key)|"
    "x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|awsaccesskeyid|googleaccessid"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # The query of a URL, and the name and password before its host.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,12}://[^\s?#\"'<>]{1,2000})\?[^\s\"'<>)]+"), rf"\1?{BLANK}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,12}://)[^\s/?#@\"'<>]{1,500}@"), rf"\1{BLANK}@"),
    # Headers, as `Name: value`, `'Name': 'value'`, `(b'Name', b'value')`.
    (
        re.compile(rf"(?i)(\b{_HEADERS}\b[\"']?\s{{0,4}}[:,=]\s{{0,4}}b?)([\"'])(?:(?!\2)[^\\]|\\.)*\2"),
        rf"\1\2{BLANK}\2",
    ),
    (
        re.compile(rf"(?i)(\b{_HEADERS}\b[\"']?\s{{0,4}}:\s{{0,4}})(?![\"'b]?[\"']?\[blanked)[^\s\"'][^\r\n,}}]*"),
        rf"\1{BLANK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic|sharedkey|sharedkeylite)\s+[A-Za-z0-9._~+/=:-]{6,}"), rf"\1 {BLANK}"),
    # Parameters, also where the text around them was percent-encoded, and JSON.
    (re.compile(rf"(?i)(?<![a-z0-9_-])((?:{_PARAMETERS})(?:=|%3D))(?!\[blanked)[^&\s\"'<>;,)]+"), rf"\1{BLANK}"),
    (re.compile(r"(?i)((?:%3F|%26)(?:sig|key|code|token)(?:=|%3D))[^&\s\"'<>]+"), rf"\1{BLANK}"),
    (re.compile(rf"(?i)([\"'](?:{_PARAMETERS})[\"']\s{{0,4}}:\s{{0,4}}[\"'])(?!\[blanked)[^\"']+"), rf"\1{BLANK}"),
    # What shows by itself what it is.
    (re.compile(r"\bmz_[0-9a-f]{12}_[A-Za-z0-9_-]+"), BLANK),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"), BLANK),
    (re.compile(r"\b(?:sk|gh[pousr]|hf|AKIA|xox[abp])[-_]?[A-Za-z0-9_-]{20,}"), BLANK),
)


#: Without any of these in a text no rule above fits it; most lines have none.
_HINT = re.compile(r"[=:?@]|%3D|key|auth|cookie|csrf|mz_|eyJ|sk|gh|hf|AKIA|xox|bearer|basic|sharedkey", re.IGNORECASE)


def blanked(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets: those that show what they are, and `secrets` word for word."""
    for secret in secrets:
        text = text.replace(secret, BLANK)
    if _HINT.search(text) is None:
        return text
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """What an environment's names call a secret; paths of files are none.

    The longest comes first, so that a secret which holds another goes as a whole.
    """
    named = {value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) >= _LEAST}
    return tuple(sorted((value for value in named if not value.startswith(("/", "~"))), key=len, reverse=True))
