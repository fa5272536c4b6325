"""What the pages of this server share in their making: their templates' words, and the files that pages name.

Enters: a package of templates, its own scripts and style. Leaves: an environment that escapes everything, and files
below a digest of their own, so that a browser may keep them for good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from mezzetin.pages import lang, visible
from mezzetin.serving.problems import Problem

LONG = 400
"""Characters from which on a stranger's text is shown shortened, the whole behind a click."""
_FOREVER = "private, max-age=31536000, immutable"
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Parts:
    """The files that the pages below `prefix` name: `own` files of `package`, and one style, `NAME.css`.

    The style is that of all our pages, then those of `styles`, each `PACKAGE/FILE`.
    """

    prefix: str
    package: str
    own: Sequence[str]
    name: str
    styles: Sequence[str]

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """Their contents by name."""
        here = files(self.package)
        style = (files("mezzetin.pages") / "style.css").read_bytes()
        for one in self.styles:
            package, _, name = one.partition("/")
            style += (files(package) / name).read_bytes()
        icon = (files("mezzetin.serving.page") / "icon.svg").read_bytes()
        return {**{name: (here / name).read_bytes() for name in self.own}, "icon.svg": icon, self.name: style}

    @cached_property
    def digest(self) -> str:
        """What changes with any of them."""
        together = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            together.update(f"{name} {len(content)} ".encode() + content)
        return together.hexdigest()[:16]

    @property
    def address(self) -> str:
        """Where they are."""
        return f"{self.prefix}/parts/{self.digest}"

    def answer(self, version: str, name: str) -> Response:
        """One of them, as long as it is the one that a page was made for.

        Raises:
            Problem: 404, it is not.

        """
        if version != self.digest or name not in self.files:
            raise Problem(404, "not_found", "there is no such part of the page: reload the page")
        kind = _KINDS[name.rpartition(".")[2]]
        return Response(self.files[name], media_type=kind, headers={"Cache-Control": _FOREVER})


def environment(folder: str) -> Environment:
    """The templates of a folder of `mezzetin.serving`: all values escaped, what can't be seen made visible."""
    made = Environment(
        loader=PackageLoader("mezzetin.serving", folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["lang"] = lang
    made.filters["when"] = when
    made.filters["count"] = lambda number: f"{number:,}"
    made.filters["plural"] = lambda number, one, many=None: one if number == 1 else many or f"{one}s"
    made.globals["long"] = LONG
    return made


def when(stamp: str | None) -> str:
    """A time as people write it, in UTC."""
    if not stamp:
        return ""
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{at.day} {at:%B %Y, %H:%M} UTC"
