"""When keys were last used: kept in memory, written to their file now and then, on a thread of its own.

Enters: the id of a key that has just opened the door. Leaves: its `last_used` in the file, at most a minute
late; what is not written when the server stops is lost. A file that can't be written (a mounted secret) costs these
dates and one line of the log, nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from mezzetin.errors import MezzetinError
from mezzetin.serving.keys import mark_used

_EVERY = 60.0
_log = logging.getLogger("mezzetin.serving")


class LastUsed:
    """The dates that one server has to write; everything happens on its event loop but the writing."""

    def __init__(self, file: Path, every: float = _EVERY) -> None:
        self._file, self._every = file, every
        self._moments: dict[str, str] = {}
        self._writing: asyncio.Task[None] | None = None
        self._given_up = False

    def note(self, key_id: str) -> None:
        """A key was used now."""
        if self._given_up:
            return
        self._moments[key_id] = datetime.now(UTC).isoformat(timespec="seconds")
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_soon())

    async def _write_soon(self) -> None:
        """The first use is written at once; what is used meanwhile waits for its turn."""
        while self._moments:
            moments, self._moments = self._moments, {}
            try:
                await asyncio.to_thread(mark_used, self._file, moments)
            except MezzetinError as error:
                self._given_up = True
                _log.warning("when keys are used is not noted: %s", error)
                return
            await asyncio.sleep(self._every)
