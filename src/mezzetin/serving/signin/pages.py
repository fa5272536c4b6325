"""The sign-in page: values in, HTML out, with no script at all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from mezzetin.pages import visible
from mezzetin.serving.headers import SELF, by_hash, csp
from mezzetin.serving.page.look import digest

_STYLE = (
    ".way{max-width:30rem;padding-block:1.25rem 1rem}"
    "label{display:block;font:600 .95rem var(--sans);margin-block-end:.35rem}"
    "input{font:1rem/1.5 var(--sans);color:var(--ink);background:var(--card);width:100%;min-height:2.75rem;"
    "border:1px solid var(--soft);border-radius:2px;padding:.5rem .7rem}"
    "input[type=password]{font:1rem/1.5 var(--sans)}"
    "input[aria-invalid]{border:2px solid var(--bad)}"
    "button,.lines{min-height:2.75rem}"
    "a.main{background:var(--accent);border-color:var(--accent);color:var(--paper);gap:.3em}"
    ".problem{color:var(--bad);border:2px solid var(--bad);padding:.75rem 1rem}"
    ".told{border-inline-start:4px solid var(--accent);padding:.5rem 1rem}"
)
_POLICY = csp(styles=[SELF, by_hash(_STYLE)], images=[SELF])


def sign_in_page(values: Mapping[str, Any], status: int = 200) -> Response:
    """The page; `values` are those that sign-in.html names."""
    fixed = {"parts": f"/page/{digest()}", "style": Markup(_STYLE)}  # noqa: S704 - ours, and no markup
    html = _environment().get_template("sign-in.html").render({**fixed, **values})
    return Response(html, status, {"Content-Security-Policy": _POLICY}, "text/html")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("mezzetin.serving", "signin"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
