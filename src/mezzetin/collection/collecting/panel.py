"""The captioners of one run, ours and others', each a source of texts of its own.

Enters: pictures, and for each which captioners are wanted. Leaves: their captions by name, and where ours have learned
to match words and pictures, the picture's vectors of the same look at it. A picture that is marked restricted goes to
no captioner that would let it leave this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from mezzetin.captioner import BundleCaptioner
from mezzetin.decoding.step import FloatArray
from mezzetin.errors import InputError
from mezzetin.external import External
from mezzetin.pixels import Page
from mezzetin.records import Caption

_BESIDE = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """One picture to describe: the names of the captioners that are wanted, and whether it must not leave."""

    picture: bytes | Path | Page
    wanted: frozenset[str]
    restricted: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one picture: captions by the captioner's name, vectors by their space."""

    captions: dict[str, Caption] = field(default_factory=dict)
    vectors: dict[str, FloatArray] = field(default_factory=dict)


class Panel:
    """Captioners side by side, by name; safe to ask from several threads.

    Raises:
        InputError: there is none, or two have one name.

    """

    def __init__(self, own: Sequence[BundleCaptioner], others: Mapping[str, External]) -> None:
        if not own and not others:
            raise InputError("nobody is there to describe pictures: name a model or another captioner")
        self.own = _named(own)
        self.others = dict(others)
        twice = sorted(self.own.keys() & self.others.keys())
        if twice:
            raise InputError(f"two captioners are called {twice[0]!r}: give the external one another name")
        self._pool = ThreadPoolExecutor(max(1, len(self.others) * _BESIDE), thread_name_prefix="beside")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whoever stops early does not wait for a service that may be silent.
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Under which names texts are kept, ours first."""
        return (*self.own, *self.others)

    @property
    def languages(self) -> dict[str, str]:
        """In which language each of them writes (BCP 47)."""
        own = {name: captioner.bundle.language for name, captioner in self.own.items()}
        return {**own, **{name: other.language for name, other in self.others.items()}}

    @property
    def signatures(self) -> dict[str, str]:
        """What tells one version of a captioner from the next."""
        own = {name: captioner.info.signature for name, captioner in self.own.items()}
        return {**own, **{name: other.info.signature for name, other in self.others.items()}}

    def describe(self, asked: Sequence[Asked]) -> list[Told]:
        """Ask all captioners that are wanted; the others are waited for while ours work."""
        told = [Told() for _ in asked]
        waiting: dict[str, tuple[list[int], Future[list[Caption]]]] = {}
        for name, other in self.others.items():
            places = _wanting(asked, name)
            if places:
                marks = [asked[place].restricted for place in places]
                pictures = [asked[place].picture for place in places]
                waiting[name] = places, self._pool.submit(other.caption, pictures, restricted=marks)
        for name, captioner in self.own.items():
            places = _wanting(asked, name)
            described = captioner.captioned([asked[place].picture for place in places]) if places else []
            for place, (caption, vector) in zip(places, described, strict=True):
                told[place].captions[name] = caption
                if vector is not None and captioner.space is not None:
                    told[place].vectors[captioner.space] = vector
        for name, (places, result) in waiting.items():
            for place, caption in zip(places, result.result(), strict=True):
                told[place].captions[name] = caption
        return told


def _wanting(asked: Sequence[Asked], name: str) -> list[int]:
    return [place for place, one in enumerate(asked) if name in one.wanted]


def _named(captioners: Sequence[BundleCaptioner]) -> dict[str, BundleCaptioner]:
    """Each by its model's name, and by its signature as well where two models have one name."""
    names = [captioner.info.name for captioner in captioners]
    found: dict[str, BundleCaptioner] = {}
    for name, captioner in zip(names, captioners, strict=True):
        own = name if names.count(name) == 1 else f"{name}-{captioner.info.signature[:8]}"
        if own in found:
            raise InputError(f"{captioner.bundle.folder} is there twice: name each model once")
        found[own] = captioner
    return found
