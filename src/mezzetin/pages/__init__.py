"""The pages that Mezzetin writes: one file each, readable without a network and without a script.

Enters: a template's name and its values. Leaves: HTML as bytes. Captions and file names are strangers' text:
every value is escaped, what can't be seen is made visible, and the page's policy forbids it to load anything.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8})*")
# Lone surrogates can't be encoded; directional overrides make "gpj.exe" of "exe.jpg".
_UNFIT = re.compile("[\ud800-\udfff\u202d\u202e]")
_CONTROL = {code: 0x2400 + code for code in range(32) if code not in (9, 10, 13)} | {127: 0x2421}
_LONG = 400


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """Fill `template` (a file of this package) and return the page in UTF-8.

    Raises:
        jinja2.UndefinedError: the template asks for a value that is not in `values`.

    """
    return _environment().get_template(template).render(values).encode("utf-8")


def data_uri(jpeg: bytes) -> str:
    """Return a JPEG as the address of itself (RFC 2397), so that a page needs no file beside it."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def visible(value: Any) -> Any:
    """Return text with control characters as their signs (U+2400...), what can't be shown as U+FFFD.

    Without it a file name that is no UTF-8 couldn't be written, and a NUL would end up as a parse error.
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNFIT.sub("\ufffd", value).translate(_CONTROL)
    return value


def lang(tag: str) -> str:
    """Return a BCP 47 tag for a `lang` attribute, or "" (language unknown) for anything else."""
    return tag if _LANGUAGE.fullmatch(tag) else ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mezzetin", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = lambda jpeg: Markup(data_uri(jpeg))  # noqa: S704 - base64 has no markup
    environment.filters["lang"] = lang
    environment.globals["long"] = _LONG
    return environment
