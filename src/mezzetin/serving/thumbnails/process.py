"""The process that makes small copies of pictures: orders in by stdin, JPEGs out by stdout.

Enters: its one argument, a JSON object with `max_pixels` and `memory` (bytes of address space); then orders, each a
line of JSON (`path` or null, `length` of the bytes that follow, `page`, `longest`) and those bytes. Leaves: an empty
line when it is ready, then for each order a line of JSON (`length`, or `code` and `message`) and the JPEG.

As with the decoders a hostile picture may make it crash, hang or ask for more memory than it may have: whoever asked
ends it and starts another. It has no credentials and ends when its stdin does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from mezzetin.errors import ImageError
from mezzetin.pixels import Page, thumbnail
from mezzetin.serving.decode_process import limit_resources

QUALITY = 88


def main(argument: str) -> None:
    """Serve until stdin ends."""
    # A terminal's Ctrl-C reaches every process of the group; a server that drains still needs this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the answers.
    os.dup2(2, 1)
    options = json.loads(argument)
    limit_resources(options["memory"])
    out.write(b"\n")
    out.flush()
    while line := sys.stdin.buffer.readline():
        order = json.loads(line)
        facts, jpeg = _drawn(order, sys.stdin.buffer.read(order["length"]), options["max_pixels"])
        out.write(json.dumps(facts).encode() + b"\n" + jpeg)
        out.flush()


def _drawn(order: dict[str, Any], content: bytes, max_pixels: int) -> tuple[dict[str, Any], bytes]:
    picture: bytes | Path = content if order["path"] is None else Path(order["path"])
    named = Page(picture, order["page"]) if order["page"] else picture
    try:
        jpeg = thumbnail(named, order["longest"], quality=QUALITY, max_pixels=max_pixels)
    except ImageError as error:
        return {"code": error.code, "message": " ".join(str(error).split())}, b""
    return {"length": len(jpeg)}, jpeg


if __name__ == "__main__":
    main(sys.argv[1])
