"""The engine: offline captions, errors in their places, and nobody who waits for somebody else's trouble."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mezzetin.bundle import Bundle
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Alternative, Caption, ItemError, ModelInfo
from mezzetin.serving.answers import Answer, Limits, Observer, Overloaded
from mezzetin.serving.engine import Engine
from mezzetin.serving.settings import ServeSettings

Photographs = Callable[..., Path]
INFO = ModelInfo("other", "1", "0", "theirs")


class Held(BundleCaptioner):
    """A captioner that says the same of every picture, and waits at a gate."""

    said = Caption("A man rides his horse.", "en", INFO, alternatives=(Alternative("A woman rides.", -3.0),))

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.gate = Event()
        self.gate.set()

    def caption_pixels(self, pictures: Sequence[NDArray[np.uint8] | ItemError]) -> list[Caption]:
        assert self.gate.wait(20)
        return [self.said] * len(pictures)


class Other:
    """An external captioner."""

    info = INFO

    def __init__(self, answer: Callable[[], Caption]) -> None:
        self._answer = answer

    def caption(self, images: Sequence[bytes | str | Path]) -> list[Caption]:
        return [self._answer() for _ in images]


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path, alternatives=2)


@pytest.fixture
def held(captioner: BundleCaptioner) -> Held:
    return Held(captioner.bundle)


@pytest.fixture
def pictures(photographs: Photographs) -> list[bytes]:
    return [path.read_bytes() for path in sorted(photographs(5).iterdir())]


def with_engine(
    captioner: BundleCaptioner,
    work: Callable[[Engine], Coroutine[Any, Any, None]],
    external: dict[str, Any] | None = None,
    **settings: Any,
) -> None:
    """Run a test's coroutine with an engine that works; in the end nothing may be left in it."""

    async def run() -> None:
        engine = Engine(ServeSettings(**{"decoders": 1} | settings), captioner, external)
        await engine.start()
        try:
            await asyncio.wait_for(work(engine), 60)
            await asyncio.sleep(0)
            assert engine.load.held == engine.load.fetching == 0
        finally:
            if isinstance(captioner, Held):
                captioner.gate.set()
            await engine.stop()

    asyncio.run(run())


def test_the_captions_are_those_of_a_folder_and_errors_stay_in_their_places(
    captioner: BundleCaptioner, pictures: list[bytes]
) -> None:
    class Count(Observer):
        answers: list[Answer] = []  # noqa: RUF012

        def answered(self, answer: Answer) -> None:
            self.answers.append(answer)

    async def work(engine: Engine) -> None:
        engine.observers.append(count := Count())
        asked: list[bytes | ItemError] = [*pictures[:2], b"text", ItemError("gone", "it has gone"), *pictures[2:]]
        answers = await engine.caption(asked)
        assert [answer.error and answer.error.code for answer in answers] == [
            None, None, "unsupported_format", "gone", None, None, None,
        ]  # fmt: skip
        good = [answer for answer in answers if answer.error is None]
        for answer, offline, picture in zip(good, captioner.caption(pictures), pictures, strict=True):
            assert answer.caption.text == offline.text
            assert [a.text for a in answer.caption.alternatives] == [a.text for a in offline.alternatives]
            assert answer.caption.unlike_training == pytest.approx(offline.unlike_training, abs=2e-3)
            assert (answer.format, answer.width, answer.height) == ("jpeg", 160, 120)
            assert answer.sha256 == hashlib.sha256(picture).hexdigest()
            assert answer.timings.decode is not None and answer.timings.caption is not None
        assert len(count.answers) == 7
        assert await engine.ready()

    with_engine(captioner, work)


def test_a_full_queue_refuses_and_says_for_how_long(held: Held, pictures: list[bytes]) -> None:
    async def work(engine: Engine) -> None:
        held.gate.clear()
        first = asyncio.ensure_future(engine.caption(pictures[:3]))
        await asyncio.sleep(0)
        assert engine.load.held == 3
        with pytest.raises(Overloaded) as caught:
            await engine.caption(pictures[3:4])
        assert 1 <= caught.value.retry_after <= 30
        behind = asyncio.ensure_future(engine.caption(pictures[3:4], background=True))
        held.gate.set()
        assert len(await first) == 3
        (answer,) = await behind
        assert answer.error is None
        assert len(await engine.caption(pictures[4:])) == 1

    with_engine(held, work, queue=3)


def test_what_is_not_done_by_the_deadline_is_an_error(held: Held, pictures: list[bytes]) -> None:
    async def work(engine: Engine) -> None:
        held.gate.clear()
        answers = await engine.caption(pictures[:2], deadline=time.monotonic() + 0.3)
        assert {answer.error.code for answer in answers if answer.error} == {"deadline"}
        held.gate.set()
        (after,) = await engine.caption(pictures[2:3])
        assert after.error is None

    with_engine(held, work)


def test_who_goes_away_leaves_nothing_behind(held: Held, pictures: list[bytes]) -> None:
    async def work(engine: Engine) -> None:
        held.gate.clear()
        gone = asyncio.ensure_future(engine.caption(pictures))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        held.gate.set()

    with_engine(held, work)


def test_neutral_is_a_request_s_own_wish(held: Held, pictures: list[bytes]) -> None:
    async def work(engine: Engine) -> None:
        (plain,) = await engine.caption(pictures[:1])
        (neutral,) = await engine.caption(pictures[:1], neutral=True)
        assert plain.caption.text == "A man rides his horse."
        assert neutral.caption.text == "A person rides their horse."
        assert neutral.caption.alternatives[0].text == "A person rides."

    with_engine(held, work)


def test_external_captioners_cost_their_own_columns_only(held: Held, pictures: list[bytes]) -> None:
    never = Event()

    def hang() -> Caption:
        never.wait(20)
        raise AssertionError("nobody waits for this")

    def refuse() -> Caption:
        raise EnvironmentProblem("the budget is spent")

    def explode() -> Caption:
        raise KeyError("sk-planted")

    others = {
        "good": Other(lambda: Caption("A horse.", "en", INFO)),
        "hangs": Other(hang),
        "refuses": Other(refuse),
        "explodes": Other(explode),
    }

    async def work(engine: Engine) -> None:
        assert engine.external == list(others)
        (answer,) = await engine.caption(pictures[:1], external=list(others))
        assert answer.caption.text == "A man rides his horse." and answer.external["good"].text == "A horse."
        errors = {name: caption.error for name, caption in answer.external.items() if caption.error}
        assert {name: error.code for name, error in errors.items()} == {
            "hangs": "external_timeout", "refuses": "external_failed", "explodes": "external_failed",
        }  # fmt: skip
        assert errors["refuses"].message == "the budget is spent" and "planted" not in errors["explodes"].message
        # While they hang, the next pictures have our caption at once.
        start = time.monotonic()
        (alone,) = await engine.caption(pictures[1:2])
        assert alone.error is None and alone.external == {} and time.monotonic() - start < 10
        with pytest.raises(InputError, match="nobody"):
            await engine.caption(pictures[:1], external=["nobody"])

    with_engine(held, work, others, external_limit=0.5)
    never.set()


@pytest.mark.parametrize(
    ("address", "codes"),
    [
        ("/etc/passwd", {"bad_url", "refused_scheme"}),
        ("file:///etc/passwd", {"bad_url", "refused_scheme"}),
        ("http://127.0.0.1/a.jpg", {"refused_address"}),
        ("http://169.254.169.254/latest/meta-data", {"refused_address"}),
        ("http://168.63.129.16/a.jpg", {"refused_address"}),
        ("az://container/a.jpg", {"bad_url", "refused_scheme"}),
    ],
)
def test_an_address_leads_to_no_place_of_the_server(held: Held, address: str, codes: set[str]) -> None:
    async def work(engine: Engine) -> None:
        (answer,) = await engine.caption([address])
        assert answer.error is not None and answer.error.code in codes
        fetched = await engine.fetch(address)
        assert isinstance(fetched, ItemError) and fetched.code in codes

    with_engine(held, work)


def test_a_picture_of_too_many_bytes_is_refused_unread(held: Held, pictures: list[bytes]) -> None:
    async def work(engine: Engine) -> None:
        large, small = await engine.caption([bytes(10_000), pictures[0]])
        assert large.error is not None and large.error.code == "too_large" and small.error is None

    with_engine(held, work, picture_bytes=9_999)


def test_what_a_door_does_not_take_never_reaches_the_model(held: Held, pictures: list[bytes]) -> None:
    passes: list[int] = []

    class Passes(Observer):
        def batched(self, size: int, seconds: float) -> None:
            passes.append(size)

    async def work(engine: Engine) -> None:
        engine.observers.append(Passes())
        (fits,) = await engine.caption(pictures[:1])
        width, height = fits.width or 0, fits.height or 0
        passes.clear()
        for limits, code in (
            (Limits(most_bytes=len(pictures[0]) - 1), "too_large"),
            (Limits(least_side=min(width, height) + 1), "side_too_short"),
            (Limits(most_side=max(width, height) - 1), "side_too_long"),
        ):
            (answer,) = await engine.caption(pictures[:1], limits=limits)
            assert answer.error is not None and answer.error.code == code
        assert passes == []
        most = Limits(len(pictures[0]), min(width, height), max(width, height))
        (answer,) = await engine.caption(pictures[:1], limits=most)
        assert answer.error is None and passes == [1]

    with_engine(held, work)
