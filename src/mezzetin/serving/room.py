"""Room: how many pictures the server holds at once, and who is let in next."""

from __future__ import annotations

import asyncio
from collections import deque

_LONGEST_ADVICE = 30


class Seat:
    """A picture's place in the room; to leave twice is to leave once."""

    def __init__(self, room: Room) -> None:
        self._room: Room | None = room

    def leave(self) -> None:
        """Give the place back."""
        room, self._room = self._room, None
        if room is not None:
            room.left()


class Room:
    """Places for `limit` pictures, on one event loop.

    A request comes in whole while there is a free place, so that at most one request more than `limit` is held; what
    can wait (a fetched picture, a job's) waits until fewer than `below` places are taken.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._pace = 0.05

    def enter(self, count: int) -> list[Seat]:
        """Take places at once, also where there is none: to ask first is the caller's."""
        self.taken += count
        return [Seat(self) for _ in range(count)]

    async def wait(self, below: int) -> Seat:
        """Take one place as soon as fewer than `below` are taken."""
        if self.taken < below:
            self.taken += 1
            return Seat(self)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((below, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.left()
            raise
        return Seat(self)

    def left(self) -> None:
        """A place has become free: let in whom it is enough for."""
        self.taken -= 1
        waiting, self._waiting = self._waiting, deque()
        for below, future in waiting:
            if future.done():
                continue
            if self.taken < below:
                self.taken += 1
                future.set_result(None)
            else:
                self._waiting.append((below, future))

    def passed(self, size: int, seconds: float) -> None:
        """Hear of a forward pass: how long a picture takes tells when there will be room again."""
        self._pace += 0.1 * (seconds / size - self._pace)

    @property
    def retry_after(self) -> int:
        """Whole seconds until what is held will be done, 1 to 30."""
        return max(1, min(_LONGEST_ADVICE, round(self.taken * self._pace)))
