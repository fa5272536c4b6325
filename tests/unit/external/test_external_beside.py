"""Our captions and theirs side by side, in order, with bounded memory, and without waiting when somebody stops."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from mezzetin.external import External, caption_beside, external_captioner
from mezzetin.records import Caption, ModelInfo
from tests.unit.external.services import Reply, Service

pytest.importorskip("openai", reason="mezzetin[external] is not installed")
OURS = ModelInfo("ours", "1", "", "")


class Own:
    """Says how many pictures it has seen; stops the program at one of them."""

    def __init__(self, stop_at: int = 10**9) -> None:
        self.seen = 0
        self._stop_at = stop_at

    def caption(self, images: Sequence[Any]) -> list[Caption]:
        first, self.seen = self.seen, self.seen + len(images)
        if self.seen > self._stop_at:
            raise KeyboardInterrupt
        return [Caption(f"picture {number}", "en", OURS) for number in range(first, self.seen)]


def opened(service: Service, **settings: Any) -> External:
    table = {"kind": "openai_chat", "endpoint": service.url, "model": "m", "key_env": "TEST_VISION_KEY", **settings}
    return external_captioner("gpt", {"gpt": table})


def test_rows_in_order_and_no_more_read_than_needed(chat_service: Service, photograph: bytes) -> None:
    taken = 0

    def items() -> Iterator[tuple[str, bytes]]:
        nonlocal taken
        for number in range(60):
            taken += 1
            yield f"p{number}", photograph if number % 3 else b"no picture"

    with opened(chat_service, longest_side=64) as gpt:
        rows = caption_beside(Own(), {"gpt": gpt}, items(), restricted=lambda name: name == "p1")
        first = next(rows)
        assert taken == 24
        rest = list(rows)
    every = [first, *rest]
    assert [(name, ours.text) for name, ours, _ in every] == [(f"p{n}", f"picture {n}") for n in range(60)]
    codes = [row["gpt"].error.code if row["gpt"].error else "" for *_, row in every]
    assert codes == ["restricted" if n == 1 else "" if n % 3 else "unreadable" for n in range(60)]


def test_who_stops_does_not_wait_for_a_silent_service(chat_service: Service, photograph: bytes) -> None:
    chat_service.script = [Reply(delay=60)] * 100
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), opened(chat_service, timeout=2, parallel=1) as gpt:
        for _ in caption_beside(Own(stop_at=16), {"gpt": gpt}, [("p", photograph)] * 40):
            pass
    assert time.monotonic() - began < 12
    assert len(chat_service.requests) <= 3
