"""The engine: what every door calls. Pictures in, one `Answer` each out, in order; one bad picture is one error.

The way of a picture: read (`sources`, if it came by address) -> a place in the `room` -> pixels and facts
(`decoders`) -> words (`batcher`), and beside them the external captioners that were asked (`columns`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from io import BytesIO

from mezzetin.captioner import BundleCaptioner
from mezzetin.decoding.english import is_english
from mezzetin.errors import InputError
from mezzetin.external import Usage, is_restricted
from mezzetin.records import Captioner, ItemError, ModelInfo
from mezzetin.serving.answers import NO_LIMITS, Answer, Limits, Observer, Overloaded, Source
from mezzetin.serving.batcher import Batcher
from mezzetin.serving.columns import Columns
from mezzetin.serving.decoders import Decoders
from mezzetin.serving.room import Room, Seat
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.sources import Sources, name_of
from mezzetin.serving.way import Fetching, Way, Wish
from mezzetin.storage.paths import Place

_URLS_A_PLACE = 4
_READY_FOR = 10.0
_READY_LIMIT = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    """How many pictures are where, now: held by the server (`waiting` for a pass among them), decoded, fetched."""

    held: int
    decoding: int
    waiting: int
    fetching: int


class Engine:
    """A captioner behind a bounded queue; everything but the construction happens on one event loop.

    `external` are captioners to ask beside ours, by name. `observers` hear of every answer and pass.
    """

    def __init__(
        self,
        settings: ServeSettings,
        captioner: BundleCaptioner,
        external: Mapping[str, Captioner] | None = None,
    ) -> None:
        self.settings, self.captioner = settings, captioner
        self.observers: list[Observer] = []
        self._room = Room(settings.queue)
        self._decoders = Decoders(
            captioner.bundle.preprocessing,
            count=settings.decoders,
            limit=settings.decode_limit,
            memory=settings.decode_memory,
            max_pixels=settings.max_pixels,
            ended=self._decoder_ended,
        )
        self._batcher = Batcher(
            captioner.caption_pixels, most=settings.batch, coming=lambda: self._decoders.load, ran=self._ran
        )
        self._columns = Columns(external or {}, limit=settings.external_limit)
        self._fetching = Fetching(Sources(settings.picture_bytes), settings.fetches)
        self._way = Way(
            settings,
            captioner,
            room=self._room,
            decoders=self._decoders,
            batcher=self._batcher,
            columns=self._columns,
            fetching=self._fetching,
        )

    @property
    def info(self) -> ModelInfo:
        """Who is speaking."""
        return self.captioner.info

    @property
    def language(self) -> str:
        """The language of our captions, a BCP 47 tag."""
        return self.captioner.bundle.language

    @property
    def external(self) -> list[str]:
        """The names of the external captioners that are switched on."""
        return self._columns.names

    @property
    def usage(self) -> Mapping[str, Usage]:
        """What external captioners were asked and what it cost, by name."""
        return self._columns.usage

    @property
    def decoder_pids(self) -> list[int]:
        """The decoding processes."""
        return self._decoders.pids

    @property
    def load(self) -> Load:
        """How much there is to do."""
        return Load(self._room.taken, self._decoders.load, self._batcher.waiting, self._fetching.count)

    @property
    def full(self) -> bool:
        """Whether pictures that come now are refused."""
        return self._room.taken >= self._room.limit

    def refuse(self) -> Overloaded:
        """Tell the observers of a refusal, and return it to be raised or answered."""
        for observer in self.observers:
            observer.refused()
        return Overloaded(self._room.retry_after)

    async def start(self) -> None:
        """Start the processes and the model thread.

        Raises:
            EnvironmentProblem: a process can't be started.

        """
        self._decoders.start()
        self._batcher.start()

    async def stop(self) -> None:
        """End them; requests must have had their answers."""
        await self._batcher.stop()
        self._decoders.close()
        for closing in (self._columns, self._fetching, self._way):
            closing.close()

    async def caption(
        self,
        pictures: Sequence[Source],
        *,
        deadline: float | None = None,
        neutral: bool = False,
        external: Sequence[str] = (),
        background: bool = False,
        attention: bool = False,
        names: Sequence[str] | None = None,
        limits: Limits = NO_LIMITS,
    ) -> list[Answer]:
        """Caption pictures: one answer each, in order, errors included.

        `deadline` is on `time.monotonic()` (default: the settings' seconds from now); a picture that is not done by
        then has the error code "deadline". `neutral` captions say person for man and woman. `external` names who else
        is asked. What is done in the `background` waits until the others leave room, and is never refused. `attention`
        costs a second pass over the picture, and nothing where the model has none. A picture whose name, from `names`
        or its address, is restricted goes to nobody else. What is over the `limits` is an error of its own.

        Raises:
            Overloaded: the queue is full; nothing was done.
            InputError: neutral captions of a model that does not write English, or an unknown external captioner.

        """
        self._check(neutral, external)
        until = time.monotonic() + self.settings.deadline if deadline is None else deadline
        wish = Wish(until, neutral, tuple(external), background, attention, limits=limits)
        seats = [None] * len(pictures) if background else self._seats(pictures)
        tasks = []
        known = [_name(picture) for picture in pictures] if names is None else names
        for picture, name, seat in zip(pictures, known, seats, strict=True):
            own = replace(wish, restricted=is_restricted(name, self.settings.restricted))
            tasks.append(task := asyncio.ensure_future(self._answer(picture, seat, own)))
            if seat is not None:
                # Also where the asker goes before the first step.
                task.add_done_callback(partial(_leave, seat))
        return list(await asyncio.gather(*tasks))

    async def fetch(self, address: str | Place) -> bytes | ItemError:
        """Read a picture by a request's address: the safe fetch, or a store with the SAS that it carries alone."""
        return await self._fetching.read(address)

    async def folder(self, sas_uri: str, most: int) -> list[Place]:
        """The pictures below a SAS URI, `most` at most; see `Sources.folder` for what it raises."""
        return await self._fetching.folder(sas_uri, most)

    async def ready(self) -> bool:
        """Say whether the model answers: it has done so within ten seconds, or does so for a tiny picture now."""
        if time.monotonic() - self._way.captioned_at > _READY_FOR:
            wish = Wish(time.monotonic() + _READY_LIMIT)
            (seat,) = self._room.enter(1)
            await self._answer(_tiny_picture(), seat, wish)
            seat.leave()
        return time.monotonic() - self._way.captioned_at <= _READY_FOR

    def _check(self, neutral: bool, external: Sequence[str]) -> None:
        if neutral and not is_english(self.language):
            raise InputError(f"gender-neutral captions are English only, and this model writes {self.language!r}")
        if unknown := sorted(set(external) - set(self.external)):
            raise InputError(
                f"no external captioner {unknown[0]!r} is switched on: {', '.join(self.external) or 'none'} is"
            )

    def _seats(self, pictures: Sequence[Source]) -> Sequence[Seat | None]:
        """A place for each picture that is there already; those that come by address get theirs when they are."""
        at_hand = sum(isinstance(picture, bytes) for picture in pictures)
        by_address = any(isinstance(picture, str | Place) for picture in pictures)
        if (at_hand and self.full) or (by_address and self._fetching.count >= _URLS_A_PLACE * self.settings.queue):
            raise self.refuse()
        free = iter(self._room.enter(at_hand))
        return [next(free) if isinstance(picture, bytes) else None for picture in pictures]

    async def _answer(self, picture: Source, seat: Seat | None, wish: Wish) -> Answer:
        answer = await self._way.answer(picture, seat, wish)
        for observer in self.observers:
            observer.answered(answer)
        return answer

    def _ran(self, size: int, seconds: float) -> None:
        self._room.passed(size, seconds)
        for observer in self.observers:
            observer.batched(size, seconds)

    def _decoder_ended(self, why: str) -> None:
        for observer in self.observers:
            observer.decoder_ended(why)


def _name(picture: Source) -> str:
    return name_of(picture) if isinstance(picture, str | Place) else ""


def _leave(seat: Seat, task: object) -> None:
    seat.leave()


@lru_cache(maxsize=1)
def _tiny_picture() -> bytes:
    from PIL import Image

    stream = BytesIO()
    Image.new("RGB", (8, 8), (120, 130, 140)).save(stream, "PNG")
    return stream.getvalue()
