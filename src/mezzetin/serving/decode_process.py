"""The process that decodes pictures for a server: encoded bytes in by stdin, pixels out by stdout.

Enters: its one argument, a JSON object with `preprocessing`, `max_pixels` and `memory` (bytes of address space);
then messages, each eight bytes of length and a picture. Leaves: an empty message when it is ready, then for each
picture, in order, an empty message when it begins to look at it and one with what it found: eight bytes with the
lengths of the two parts, a JSON object (`format`, `width`, `height`, `sha256`, or `code` and `message`), and the
pixels.

A hostile picture may make it crash, hang or ask for more memory than it may have: whoever asked ends it and starts
another. It has no credentials, opens no file, and ends when its stdin does.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import struct
import sys
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

from mezzetin.errors import ImageError
from mezzetin.pixels import Preprocessing, decode, read_header

PICTURE = struct.Struct("<Q")
ANSWER = struct.Struct("<II")


def main(argument: str) -> None:
    """Serve until stdin ends."""
    # A terminal's Ctrl-C reaches every process of the group; a server that drains still needs this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    # Whatever a library prints must not get between the messages.
    os.dup2(2, 1)
    options = json.loads(argument)
    preprocessing = Preprocessing.from_json(options["preprocessing"])
    limit_resources(options["memory"])
    pictures: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_listen, args=(sys.stdin.buffer, pictures), daemon=True).start()
    _send(out, b"", b"")
    while True:
        picture = pictures.get()
        _send(out, b"", b"")
        facts, pixels = _read(picture, preprocessing, options["max_pixels"])
        _send(out, json.dumps(facts).encode(), pixels)


def limit_resources(memory: int) -> None:
    """So much address space, no core dumps, and no writing to files."""
    for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(OSError, ValueError):  # a system that knows no such limit
            resource.setrlimit(what, (most, most))


def _listen(stream: IO[bytes], pictures: SimpleQueue[bytes]) -> None:
    """Take pictures while another is decoded, so that whoever sends never waits for whoever reads."""
    try:
        while len(head := stream.read(PICTURE.size)) == PICTURE.size:
            pictures.put(stream.read(*PICTURE.unpack(head)))
    finally:
        # Also where memory was too short to take a picture.
        os._exit(0)


def _read(picture: bytes, preprocessing: Preprocessing, max_pixels: int) -> tuple[dict[str, Any], bytes]:
    try:
        header = read_header(picture, max_pixels=max_pixels)
        pixels = decode(picture, preprocessing, max_pixels=max_pixels)
    except ImageError as error:
        return {"code": error.code, "message": " ".join(str(error).split())}, b""
    digest = hashlib.sha256(picture).hexdigest()
    shown = {"format": header.format, "width": header.width, "height": header.height, "sha256": digest}
    return shown, pixels.tobytes()


def _send(out: IO[bytes], facts: bytes, pixels: bytes) -> None:
    message = memoryview(ANSWER.pack(len(facts), len(pixels)) + facts + pixels)
    while message:
        message = message[out.write(message) or 0 :]


if __name__ == "__main__":
    main(sys.argv[1])
