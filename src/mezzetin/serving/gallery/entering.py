"""Who comes in, and what they may see: a request in, a `Sight` out."""

from __future__ import annotations

from starlette.requests import Request

from mezzetin.serving.core import core_of
from mezzetin.serving.gallery.asked import PUBLIC, Wanted
from mezzetin.serving.gallery.sight import INSIDE, Sight, outside_of
from mezzetin.serving.signin.who import need, who_of


def sight_of(request: Request, wanted: Wanted) -> Sight:
    """What whoever asks may see, or wanted to see of it.

    Raises:
        Problem: nobody has signed in, and the gallery is not for everybody.

    """
    settings = core_of(request).settings
    outside = outside_of(settings)
    if settings.gallery != "public":
        need(request, "viewer")
    return outside if who_of(request) is None or wanted.value("as") == PUBLIC else INSIDE
