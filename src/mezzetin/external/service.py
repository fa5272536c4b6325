"""One external captioner as a `Captioner`: pictures in, captions or an error each out, whatever the service does.

Enters: pictures as bytes, paths or addresses. Leaves: captions in the same order. A picture that is marked restricted
never leaves; a service that hangs, refuses or is too dear costs its own captions and nothing else.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from types import TracebackType
from typing import Self

from mezzetin.errors import InputError
from mezzetin.external.answers import Answer, Client, Failure
from mezzetin.external.budget import Meter, Usage
from mezzetin.external.outgoing import RESTRICTED, Picture, derivative
from mezzetin.records import Caption, ItemError, ModelInfo

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 20.0
_BUDGET_SPENT = "the next caption might pass the budget: raise --budget, or go on without it"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a service is waited for: `timeout` a request, `give_up_after` a picture (seconds), `retries` a picture.

    After `failures` pictures in a row it is left alone for `rest` seconds, in which every picture gets the last error.
    """

    timeout: float = 20
    retries: int = 3
    give_up_after: float = 60
    failures: int = 3
    rest: float = 60


class External:
    """Somebody else's captioner; safe to use from several threads at once, which share `parallel` requests.

    `leaves` says that pictures go to another process; those for which `restricted` is true are then not sent, and not
    even read. `longest_side` is in pixels of what is sent.
    """

    def __init__(
        self,
        client: Client,
        meter: Meter,
        *,
        language: str = "en",
        longest_side: int = 1024,
        parallel: int = 1,
        patience: Patience | None = None,
        leaves: bool = True,
        restricted: Callable[[Picture], bool] | None = None,
    ) -> None:
        self._client, self._meter = client, meter
        self._language, self._longest_side = language, longest_side
        self._patience = patience or Patience()
        self._restricted = restricted if leaves else None
        self.leaves = leaves
        self._rest = _Rest(self._patience)
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix=client.info.name)

    @property
    def info(self) -> ModelInfo:
        """Name, model and terms; a caption's own `model` names the version that the service says it used."""
        return self._client.info

    @property
    def described(self) -> tuple[str, ...]:
        """All that its captions depend on, as far as it is set here."""
        return self.info.name, self.info.signature, self.language, str(self._longest_side)

    @property
    def language(self) -> str:
        """In which language it writes (BCP 47)."""
        return self._language

    @property
    def usage(self) -> Usage:
        """Calls, captions, tokens and cost so far."""
        return self._meter.usage

    def caption(self, images: Sequence[Picture], *, restricted: Sequence[bool] | None = None) -> list[Caption]:
        """Caption pictures: one result each, in order, errors included; `restricted` marks those that must not leave.

        Raises:
            InputError: a lone picture was given instead of a list, or not a mark a picture.

        """
        if isinstance(images, str | bytes):
            raise InputError("caption takes a list of pictures: caption([picture])")
        marks = [False] * len(images) if restricted is None else list(restricted)
        if len(marks) != len(images):
            raise InputError("caption takes as many marks as pictures: one restricted=True or False each")
        waiting = [self._pool.submit(self._one, *pair) for pair in zip(images, marks, strict=True)]
        try:
            return [result.result() for result in waiting]
        finally:
            for result in waiting:
                result.cancel()

    def close(self) -> None:
        """Let go of threads and connections; requests under way end as they would."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _one(self, image: Picture, marked: bool) -> Caption:
        outcome = self._outcome(image, marked)
        if isinstance(outcome, ItemError):
            return Caption(None, self.language, self.info, error=outcome)
        model = replace(self.info, version=outcome.version or self.info.version)
        return Caption(outcome.text, self.language, model, confidence=outcome.confidence)

    def _outcome(self, image: Picture, marked: bool) -> Answer | ItemError:
        if isinstance(image, ItemError):
            return image
        if self.leaves and (marked or (self._restricted is not None and self._restricted(image))):
            return RESTRICTED
        if (resting := self._rest.why()) is not None:
            return ItemError(resting.code, resting.message)
        jpeg = derivative(image, self._longest_side)
        if isinstance(jpeg, ItemError):
            return jpeg
        outcome = self._asked(jpeg)
        if outcome is None:
            return ItemError("budget_spent", _BUDGET_SPENT)
        self._rest.note(outcome)
        return ItemError(outcome.code, outcome.message) if isinstance(outcome, Failure) else outcome

    def _asked(self, jpeg: bytes) -> Answer | Failure | None:
        """Ask until there is an answer or patience is at its end; None when money is."""
        end = time.monotonic() + self._patience.give_up_after
        attempt = 0
        while True:
            held = self._meter.begin()
            if held is None:
                return None
            outcome: Answer | Failure | None = None
            try:
                seconds = max(0.1, min(self._patience.timeout, end - time.monotonic()))
                outcome = self._client.ask(jpeg, seconds=seconds)
            finally:
                self._count(held, outcome)
            if isinstance(outcome, Answer) or not outcome.again or attempt >= self._patience.retries:
                return outcome
            pause = _pause(attempt) if outcome.wait is None else outcome.wait
            if time.monotonic() + pause >= end or self._closing.wait(pause):
                return outcome
            attempt += 1

    def _count(self, held: Decimal, outcome: Answer | Failure | None) -> None:
        captioned = isinstance(outcome, Answer)
        charged = outcome is None or isinstance(outcome, Answer) or outcome.charged
        tokens = None if outcome is None else outcome.tokens
        self._meter.end(held, charged=charged, captioned=captioned, tokens=tokens)


class _Rest:
    """Leaves a service alone for a while that has failed again and again, so that it costs no more time."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._failed = 0
        self._last: Failure | None = None
        self._until = 0.0

    def why(self) -> Failure | None:
        """The failure for which the service is left alone now."""
        with self._lock:
            return self._last if time.monotonic() < self._until else None

    def note(self, outcome: Answer | Failure) -> None:
        """Learn from an answer."""
        with self._lock:
            if isinstance(outcome, Answer):
                self._failed = 0
                return
            hopeless = outcome.for_all
            self._failed += hopeless or outcome.again or outcome.code == "timeout"
            if hopeless or self._failed >= self._patience.failures:
                self._last, self._until = outcome, time.monotonic() + self._patience.rest


def _pause(attempt: int) -> float:
    """Twice as long each time, and not the same for all that wait."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**attempt) * random.uniform(0.5, 1)  # noqa: S311
