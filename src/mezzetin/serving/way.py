"""The way of one picture through the server: read, given a place, decoded, captioned; an error ends it early.

Enters: a source, and what is wished of it. Leaves: an `Answer`, always, by the deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from mezzetin.captioner import BundleCaptioner
from mezzetin.neutral import neutral_caption
from mezzetin.records import Caption, ItemError
from mezzetin.serving.answers import DEADLINE, NO_LIMITS, Answer, Limits, Source, Timings
from mezzetin.serving.attention import Looking
from mezzetin.serving.batcher import Batcher
from mezzetin.serving.columns import Columns
from mezzetin.serving.decoders import Decoded, Decoders
from mezzetin.serving.room import Room, Seat
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.sources import Sources
from mezzetin.serving.threads import Threads
from mezzetin.storage.paths import Place

_OUT_OF_TIME = ItemError(DEADLINE, "the time for this request is up: send fewer pictures, or try again later")
_TOO_LARGE = "the picture is larger than {:,} bytes: send a smaller copy"
_BACKGROUND = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request wants of each of its pictures; see `Engine.caption`."""

    deadline: float
    neutral: bool = False
    external: Sequence[str] = ()
    background: bool = False
    attention: bool = False
    restricted: bool = False
    limits: Limits = NO_LIMITS


class Fetching:
    """Reads what is named by address: `most` pictures at a time, and a few more for what runs in the background."""

    def __init__(self, sources: Sources, most: int) -> None:
        self._sources = sources
        self._threads = Threads("fetch", most), Threads("fetch-job", _BACKGROUND)
        #: Who holds one may hold a picture that was read and waits for its place.
        self.slots = asyncio.Semaphore(most), asyncio.Semaphore(_BACKGROUND)
        self.count = 0

    async def read(self, address: str | Place, *, background: bool = False) -> bytes | ItemError:
        """See `Sources.read`."""
        return await self._threads[background].run(partial(self._sources.read, address))

    async def folder(self, sas_uri: str, most: int) -> list[Place]:
        """See `Sources.folder`."""
        return await self._threads[False].run(partial(self._sources.folder, sas_uri, most))

    def close(self) -> None:
        """End the threads that are idle, and close the connections that are kept."""
        for threads in self._threads:
            threads.close()
        self._sources.close()


class Way:
    """What a picture passes through."""

    def __init__(
        self,
        settings: ServeSettings,
        captioner: BundleCaptioner,
        *,
        room: Room,
        decoders: Decoders,
        batcher: Batcher,
        columns: Columns,
        fetching: Fetching,
    ) -> None:
        self._settings, self._captioner, self._room = settings, captioner, room
        self._decoders, self._batcher, self._columns, self._fetching = decoders, batcher, columns, fetching
        self._looking = Looking(captioner)
        #: When the model last had an answer, on `time.monotonic()`.
        self.captioned_at = float("-inf")

    async def answer(self, picture: Source, seat: Seat | None, wish: Wish) -> Answer:
        """Go the way; a `seat` that the picture has already is given back on it."""
        timings = Timings()
        try:
            async with asyncio.timeout_at(wish.deadline):
                return await self._go(picture, seat, wish, timings)
        except TimeoutError:
            return self._failed(_OUT_OF_TIME, timings)

    def close(self) -> None:
        """End the thread that looks again."""
        self._looking.close()

    async def _go(self, picture: Source, seat: Seat | None, wish: Wish, timings: Timings) -> Answer:
        if isinstance(picture, ItemError):
            return self._failed(picture, timings)
        if isinstance(picture, bytes):
            return await self._seated(picture, seat or await self._seat(wish), wish, timings)
        self._fetching.count += 1
        try:
            async with self._fetching.slots[wish.background]:
                started = time.monotonic()
                content = await self._fetching.read(picture, background=wish.background)
                timings.fetch = time.monotonic() - started
                if isinstance(content, ItemError):
                    return self._failed(content, timings)
                seat = await self._seat(wish)
        finally:
            self._fetching.count -= 1
        return await self._seated(content, seat, wish, timings)

    async def _seat(self, wish: Wish) -> Seat:
        return await self._room.wait(self._settings.batch if wish.background else self._room.limit)

    async def _seated(self, content: bytes, seat: Seat, wish: Wish, timings: Timings) -> Answer:
        """Decode and caption a picture that has a place, which it gives back once our caption is there."""
        beside: asyncio.Future[dict[str, Caption]] | None = None
        try:
            decoded = await self._decoded(content, wish.limits, timings)
            if isinstance(decoded, ItemError):
                return self._failed(decoded, timings)
            started = time.monotonic()
            if wish.external:
                beside = asyncio.ensure_future(
                    self._columns.ask(content, wish.external, wish.deadline, restricted=wish.restricted)
                )
            said = await self._batcher.caption(decoded.pixels, wish.deadline)
            timings.caption = time.monotonic() - started
            look = await self._looking.look(decoded, said, wish.deadline) if wish.attention else None
            seat.leave()
            others = await beside if beside is not None else {}
            timings.external = None if beside is None else time.monotonic() - started
        finally:
            seat.leave()
            if beside is not None:
                beside.cancel()
        facts = (decoded.format, decoded.width, decoded.height, decoded.sha256)
        return Answer(self._worded(said, wish), *facts, external=others, attention=look, timings=timings)

    async def _decoded(self, content: bytes, limits: Limits, timings: Timings) -> Decoded | ItemError:
        most = min(self._settings.picture_bytes, limits.most_bytes)
        if len(content) > most:
            return ItemError("too_large", _TOO_LARGE.format(most))
        started = time.monotonic()
        decoded = await self._decoders.decode(content)
        timings.decode = time.monotonic() - started
        wrong = None if isinstance(decoded, ItemError) else _wrong_side(decoded, limits)
        return wrong or decoded

    def _worded(self, caption: Caption | ItemError, wish: Wish) -> Caption:
        if isinstance(caption, ItemError):
            return Caption(None, self._captioner.bundle.language, self._captioner.info, error=caption)
        self.captioned_at = time.monotonic()
        return neutral_caption(caption) if wish.neutral else caption

    def _failed(self, error: ItemError, timings: Timings) -> Answer:
        return Answer(
            Caption(None, self._captioner.bundle.language, self._captioner.info, error=error), timings=timings
        )


def _wrong_side(picture: Decoded, limits: Limits) -> ItemError | None:
    """What is known without the model is refused without it."""
    least, most = limits.least_side, limits.most_side
    if min(picture.width, picture.height) < least:
        return ItemError("side_too_short", f"the picture is smaller than {least} x {least} pixels: send a larger one")
    if most is not None and max(picture.width, picture.height) > most:
        return ItemError("side_too_long", f"a side of the picture is longer than {most:,} pixels: make it smaller")
    return None
