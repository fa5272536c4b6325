"""Processes that decode: the same pixels as anywhere, and a process that dies costs at most its own picture."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mezzetin.pixels import Preprocessing, decode
from mezzetin.records import ItemError
from mezzetin.serving.decode_worker import Died, Facts, Worker
from mezzetin.serving.decoders import Decoded, Decoders

SMALL = Preprocessing(32, 24)
MEMORY = 2 << 30
Photographs = Callable[..., Path]


def with_decoders(work: Callable[[Decoders], Coroutine[Any, Any, None]], **options: Any) -> list[str]:
    """Run a test's coroutine with decoders; return why processes ended."""
    ended: list[str] = []

    async def run() -> None:
        given = {"count": 1, "limit": 20.0, "memory": MEMORY, "max_pixels": 100_000_000} | options
        decoders = Decoders(SMALL, ended=ended.append, **given)
        decoders.start()
        try:
            await asyncio.wait_for(work(decoders), 60)
        finally:
            decoders.close()

    asyncio.run(run())
    return ended


@pytest.fixture
def pictures(photographs: Photographs) -> list[bytes]:
    return [path.read_bytes() for path in sorted(photographs(6).iterdir())]


def check(result: Decoded | ItemError, picture: bytes) -> None:
    assert isinstance(result, Decoded), result
    assert np.array_equal(result.pixels, decode(picture, SMALL))
    facts = (result.format, result.width, result.height, result.sha256)
    assert facts == ("jpeg", 160, 120, hashlib.sha256(picture).hexdigest())


def test_pictures_come_back_in_their_places_and_errors_too(pictures: list[bytes]) -> None:
    async def work(decoders: Decoders) -> None:
        first, text, nothing, last = await asyncio.gather(
            *(decoders.decode(one) for one in (pictures[0], b"no picture", b"", pictures[1]))
        )
        check(first, pictures[0])
        check(last, pictures[1])
        assert isinstance(text, ItemError) and text.code == "unsupported_format"
        assert isinstance(nothing, ItemError) and nothing.code == "empty"
        assert decoders.load == 0

    assert with_decoders(work, count=2) == []


def test_a_process_that_is_killed_costs_no_picture(pictures: list[bytes]) -> None:
    async def work(decoders: Decoders) -> None:
        asked = pictures * 8
        waiting = [asyncio.ensure_future(decoders.decode(one)) for one in asked]
        await waiting[2]
        # Stopped first: a picture of the first that the second had begun with would rightly be called the culprit.
        both = decoders.pids
        for how in (signal.SIGSTOP, signal.SIGKILL):
            for pid in both:
                os.kill(pid, how)
        for result, picture in zip(await asyncio.gather(*waiting), asked, strict=True):
            check(result, picture)

    assert set(with_decoders(work, count=2)) == {"died"}


def test_a_picture_that_no_process_has_looked_at_is_not_blamed_for_their_end(pictures: list[bytes]) -> None:
    async def work(decoders: Decoders) -> None:
        await asyncio.gather(*(decoders.decode(one) for one in pictures))
        # Both end while they have nothing to do, and the same picture may be sent to one after the other.
        for pid in decoders.pids:
            os.kill(pid, signal.SIGKILL)
        for picture in pictures[:3]:
            check(await decoders.decode(picture), picture)

    assert set(with_decoders(work, count=2)) == {"died"}


def test_processes_that_are_killed_before_they_begin_are_no_picture_s_fault(pictures: list[bytes]) -> None:
    async def work(decoders: Decoders) -> None:
        waiting = asyncio.ensure_future(decoders.decode(pictures[0]))
        killed: set[int] = set()
        while len(killed) < 3:
            for pid in set(decoders.pids) - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            await asyncio.sleep(0.001)
        check(await waiting, pictures[0])

    assert with_decoders(work) == ["died"] * 3


def test_a_picture_that_takes_too_long_is_an_error_and_the_next_one_is_not(pictures: list[bytes]) -> None:
    async def work(decoders: Decoders) -> None:
        check(await decoders.decode(pictures[0]), pictures[0])
        (pid,) = decoders.pids
        os.kill(pid, signal.SIGSTOP)
        slow, behind = await asyncio.gather(decoders.decode(pictures[1]), decoders.decode(pictures[2]))
        assert isinstance(slow, ItemError) and slow.code == "image_timeout"
        check(behind, pictures[2])
        assert decoders.pids != [pid]

    assert with_decoders(work, limit=1.0) == ["time"]


def test_a_picture_that_ends_every_process_is_an_error_of_its_own(
    pictures: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = b"\xff\xd8\xffdeadly"
    answer = Worker.answer

    def answered(worker: Worker, limit: float) -> tuple[Facts, bytes]:
        facts, pixels = answer(worker, limit)
        if facts.get("code") == "undecodable":
            raise Died(begun=True)
        return facts, pixels

    monkeypatch.setattr(Worker, "answer", answered)

    async def work(decoders: Decoders) -> None:
        killer, neighbour = await asyncio.gather(decoders.decode(deadly), decoders.decode(pictures[0]))
        assert isinstance(killer, ItemError) and killer.code == "image_crashed"
        check(neighbour, pictures[0])

    assert with_decoders(work) == ["died", "died"]


def test_a_picture_that_needs_more_memory_than_there_is_does_no_harm(pictures: list[bytes]) -> None:
    stream = io.BytesIO()
    Image.new("P", (9000, 9000)).save(stream, "GIF")

    async def work(decoders: Decoders) -> None:
        large, small = await asyncio.gather(decoders.decode(stream.getvalue()), decoders.decode(pictures[0]))
        assert isinstance(large, ItemError) and large.code in ("undecodable", "image_crashed")
        check(small, pictures[0])

    with_decoders(work, memory=512 << 20)


def test_who_no_longer_waits_is_passed_over(pictures: list[bytes]) -> None:
    async def work(decoders: Decoders) -> None:
        waiting = [asyncio.ensure_future(decoders.decode(one)) for one in pictures]
        await asyncio.sleep(0)
        for gone in waiting[:-1]:
            gone.cancel()
        check(await waiting[-1], pictures[-1])

    assert with_decoders(work) == []


def test_the_process_inherits_no_secret(monkeypatch: pytest.MonkeyPatch, pictures: list[bytes]) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=planted")

    async def work(decoders: Decoders) -> None:
        check(await decoders.decode(pictures[0]), pictures[0])
        (pid,) = decoders.pids
        environment = Path(f"/proc/{pid}/environ")
        if not environment.exists():
            pytest.skip("there is no /proc to look at")
        assert b"planted" not in environment.read_bytes()

    with_decoders(work)
