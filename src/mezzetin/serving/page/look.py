"""How the page looks: its templates, the files that they name, and its policy.

Enters: values. Leaves: HTML, and the style and scripts below their own digest, so that a browser may keep them for
good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from mezzetin.pages import lang, visible
from mezzetin.serving.headers import SELF, csp

_OWN = ("page.js", "asking.js", "column.js", "key.js", "looks.js", "icon.svg")
#: A `data:` picture is one that the form brought, shown in the answer to it.
_POLICY = csp(scripts=[SELF], styles=[SELF], images=[SELF, "blob:", "data:"], connect=[SELF])


def shown(template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page: a template of this package with its values."""
    html = _environment().get_template(template).render({"parts": f"/page/{digest()}", **values})
    return Response(html, status, {"Content-Security-Policy": _POLICY}, "text/html")


@cache
def parts() -> Mapping[str, bytes]:
    """The files that the page names; its style begins with the one that all our pages share."""
    here = files(__package__)
    own = {name: (here / name).read_bytes() for name in _OWN}
    shared = (files("mezzetin.pages") / "style.css").read_bytes()
    return {**own, "page.css": shared + (here / "page.css").read_bytes()}


@cache
def digest() -> str:
    """What changes with any of the `parts`."""
    together = hashlib.sha256()
    for name, content in sorted(parts().items()):
        together.update(f"{name} {len(content)} ".encode() + content)
    return together.hexdigest()[:16]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mezzetin.serving", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["lang"] = lang
    return environment
