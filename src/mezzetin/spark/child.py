"""The process that captions for one Python worker of Spark: pictures in by stdin, what it says of them by stdout.

Enters: its one argument, a JSON object of `Settings`; then batches, each four bytes of length, a JSON list of pictures
(`[where it is, or null; the length of its bytes]`) and the bytes. Leaves: a message that says who speaks, then one a
batch, in order: four bytes of length and JSON, either `rows` or the `problem` that ends the work.

A picture may make it crash or hang: whoever asked ends it and starts another. It ends when its stdin does. It knows
no Spark. Pictures that lie elsewhere are read while those before them are described.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import struct
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

from mezzetin.bundle import Bundle
from mezzetin.captioner import BundleCaptioner
from mezzetin.data.content import content_of
from mezzetin.data.loader import PROBLEMS
from mezzetin.data.readers.source import ImageSource
from mezzetin.decoding.options import DecodingOptions
from mezzetin.errors import DatasetError, FetchError, ImageError, InputError, MezzetinError
from mezzetin.pixels import count_pages, read_header
from mezzetin.records import ItemError
from mezzetin.spark.hiding import found
from mezzetin.spark.saying import to_row

LENGTH = struct.Struct("<I")
_IN_MEMORY = 4 << 20
_READERS = 8
Batch = list[tuple[ImageSource | None, bytes]]


def main(argument: str) -> None:
    """Serve until stdin ends."""
    # A terminal's Ctrl-C reaches every process of the group; whoever asked decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the messages.
    os.dup2(2, 1)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    settings = json.loads(argument)
    batches: SimpleQueue[list[Future[_Read]]] = SimpleQueue()
    try:
        captioner = opened(settings)
        _send(out, {"model": asdict(captioner.info), "language": captioner.bundle.language})
        Thread(target=_listen, args=(sys.stdin.buffer, batches), daemon=True).start()
        while True:
            _send(out, {"rows": _described(captioner, [one.result() for one in batches.get()])})
    except MezzetinError as error:
        kind = next((name for name, kind in PROBLEMS.items() if isinstance(error, kind)), "EnvironmentProblem")
        _send(out, {"problem": [kind, str(error)]})


def opened(settings: dict[str, Any]) -> BundleCaptioner:
    """The captioner of some settings."""
    options = settings["options"]
    return BundleCaptioner(
        Bundle.open(Path(settings["bundle"])),
        options=DecodingOptions(**{**options, "avoid": tuple(options["avoid"])}),
        alternatives=settings["alternatives"],
        threads=1,
        max_pixels=settings["max_pixels"],
        min_confidence=settings["min_confidence"],
    )


class _Read:
    """A picture that was read: its bytes or file, and what a row says of it; or why there is none."""

    def __init__(self, source: ImageSource | None, data: bytes) -> None:
        self.files = ExitStack()
        self.facts: dict[str, Any] = {"page": 0, "pages": 1}
        self.picture: bytes | Path | ItemError
        try:
            self.picture = data if source is None else self.files.enter_context(content_of(source, _IN_MEMORY))
            self._look(self.picture)
        except (FetchError, ImageError) as error:
            self.facts = {"page": 0, "pages": 1}
            self.picture = ItemError(error.code, " ".join(str(error).split()))
        except (FileNotFoundError, NotADirectoryError):
            self.picture = ItemError("missing", "it is not there: check its name")
        except (InputError, DatasetError) as error:
            self.picture = ItemError("missing", str(error))
        except OSError as error:
            self.picture = ItemError("unreadable", f"it can't be read ({error.strerror or type(error).__name__})")

    def _look(self, data: bytes | Path) -> None:
        if isinstance(data, Path):
            with data.open("rb") as stream:
                self.facts["sha256"] = hashlib.file_digest(stream, "sha256").hexdigest()
            self.facts["size"] = data.stat().st_size
        else:
            self.facts |= {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        header = read_header(data)
        self.facts |= {"format": header.format, "width": header.width, "height": header.height}
        if header.format == "tiff":
            self.facts["pages"] = count_pages(data)


def _described(captioner: BundleCaptioner, batch: list[_Read]) -> list[dict[str, Any]]:
    captions = captioner.caption([one.picture for one in batch])
    for one in batch:
        one.files.close()
    return [one.facts | to_row(caption) for one, caption in zip(batch, captions, strict=True)]


def _listen(stream: IO[bytes], batches: SimpleQueue[list[Future[_Read]]]) -> None:
    try:
        with ThreadPoolExecutor(_READERS, thread_name_prefix="read") as pool:
            while (batch := receive(stream)) is not None:
                batches.put([pool.submit(_Read, *one) for one in batch])
    finally:
        os._exit(0)


def receive(stream: IO[bytes]) -> Batch | None:
    """Read a batch; None where the stream ends."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    pictures = json.loads(stream.read(*LENGTH.unpack(head)))
    return [(None if where is None else found(where[0], where[1]), stream.read(size)) for where, size in pictures]


def _send(out: IO[bytes], message: dict[str, Any]) -> None:
    text = json.dumps(message).encode()
    out.write(LENGTH.pack(len(text)) + text)
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1])
