"""Columns: what external captioners say of the same picture, each on threads of its own and for so long.

Enters: encoded bytes and names. Leaves: a `Caption` a name, which holds an error where that captioner had none. One
that hangs fills its own threads; what is asked of it then is refused at once, and no other column waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from mezzetin.errors import MezzetinError
from mezzetin.external import RESTRICTED, External, Usage
from mezzetin.records import Caption, Captioner, ItemError, ModelInfo
from mezzetin.serving.threads import Threads

_THREADS = 4
_WAITING = 64
_MOMENT = 0.25
_LATE = ItemError("external_timeout", "this captioner did not answer in time: ask again later")
_BUSY = ItemError("external_busy", "this captioner is behind with its answers: ask again later")
_BROKEN = ItemError("external_failed", "this captioner failed: the server's log says more")
_log = logging.getLogger("mezzetin.serving")


class Columns:
    """The external captioners that are switched on, by name; each has `limit` seconds for a picture."""

    def __init__(self, captioners: Mapping[str, Captioner], *, limit: float) -> None:
        self._captioners, self._limit = dict(captioners), limit
        self._threads = {name: Threads(name, _THREADS) for name in captioners}

    @property
    def names(self) -> list[str]:
        """Who can be asked."""
        return list(self._captioners)

    @property
    def usage(self) -> dict[str, Usage]:
        """What was asked of them and what it cost, of those that count."""
        return {name: one.usage for name, one in self._captioners.items() if isinstance(one, External)}

    async def ask(
        self, picture: bytes, names: Sequence[str], deadline: float, *, restricted: bool = False
    ) -> dict[str, Caption]:
        """Ask each of `names` for a caption; whoever has none a moment before the `deadline` is late.

        A `restricted` picture goes to no captioner but those that are known to keep it on this machine.
        """
        seconds = max(0.0, min(self._limit, deadline - time.monotonic() - _MOMENT))
        answers = await asyncio.gather(*(self._ask(name, picture, seconds, restricted) for name in names))
        return dict(zip(names, answers, strict=True))

    def close(self) -> None:
        """End what is idle; what hangs ends with the process."""
        for threads in self._threads.values():
            threads.close()

    async def _ask(self, name: str, picture: bytes, seconds: float, restricted: bool) -> Caption:
        captioner, threads = self._captioners[name], self._threads[name]
        if restricted and not (isinstance(captioner, External) and not captioner.leaves):
            return _failed(captioner.info, RESTRICTED)
        if threads.busy >= _WAITING:
            return _failed(captioner.info, _BUSY)
        work = asyncio.ensure_future(threads.run(lambda: captioner.caption([picture])))
        try:
            done, _ = await asyncio.wait([work], timeout=seconds)
        finally:
            work.cancel()
        if not done:
            return _failed(captioner.info, _LATE)
        failure = work.exception()
        if isinstance(failure, MezzetinError):
            return _failed(captioner.info, ItemError("external_failed", str(failure)))
        if failure is not None:
            # Somebody else's client may raise anything; its text may hold a key.
            _log.error("external captioner %s failed: %s", name, type(failure).__name__)
            return _failed(captioner.info, _BROKEN)
        return work.result()[0]


def _failed(info: ModelInfo, error: ItemError) -> Caption:
    return Caption(None, "", info, error=error)
