"""How the pages of a site look: templates and the files that they name.

Enters: values. Leaves: HTML in UTF-8 that loads nothing from elsewhere. Titles and texts are strangers' words: every
value is escaped, and what can't be seen is made visible.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mezzetin.pages import lang, visible
from mezzetin.publication.jsonld import in_script
from mezzetin.publication.site import cards


def page(template: str, values: Mapping[str, Any]) -> bytes:
    """A page: a template of this package with its values."""
    return _environment().get_template(template).render(values).encode("utf-8", "replace")


@cache
def parts() -> Mapping[str, bytes]:
    """The files that every page names; their style begins with the one that all our pages share."""
    here = files(__package__)
    style = (files("mezzetin.pages") / "style.css").read_bytes() + (here / "site.css").read_bytes()
    return {"parts/site.css": style, "parts/site.js": (here / "site.js").read_bytes()}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mezzetin.publication", "site"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["lang"] = lang
    environment.filters["count"] = lambda number: f"{number:,}"
    # `in_script` leaves nothing that could end the element.
    environment.filters["in_script"] = lambda document: Markup(in_script(document))  # noqa: S704
    environment.globals["words"] = cards
    return environment
