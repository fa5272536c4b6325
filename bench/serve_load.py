"""The load for `bench/serve.py`: HTTP requests from a process of their own; prints one JSON line.

Enters: one JSON argument. `clients` ask one after the other (a closed loop); or requests come at `rate` a second at
random moments, whoever still waits (an open loop), for `seconds`. A share of them is `broken`, hangs up at once
(`rude`) or names a URL of `slow`. Leaves: for each request that wanted an answer its kind, the second in which it
was due, its status (0: none) and its latency from the moment when it was due.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Row = tuple[str, float, int, float]


class Load:
    """Asks one server; connections are kept and used again."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        parts = urlsplit(plan["address"])
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.random = random.Random(plan.get("seed", 0))
        self.pictures = [path.read_bytes() for path in sorted(Path(plan["pictures"]).iterdir())]
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.rows: list[Row] = []
        self.start = time.monotonic()

    async def run(self) -> None:
        """Ask for as long as the plan says, and wait for every answer."""
        if "clients" in self.plan:
            await asyncio.gather(*(self._client() for _ in range(self.plan["clients"])))
            return
        due, asked = 0.0, set()
        while due < self.plan["seconds"]:
            await asyncio.sleep(self.start + due - time.monotonic())
            task = asyncio.ensure_future(self._ask(due))
            asked.add(task)
            task.add_done_callback(asked.discard)
            due += self.random.expovariate(self.plan["rate"])
        await asyncio.gather(*asked)

    async def _client(self) -> None:
        while (now := time.monotonic() - self.start) < self.plan["seconds"]:
            await self._ask(now)

    async def _ask(self, due: float) -> None:
        kind, body, content_type = self._request()
        head = f"POST /score HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: {content_type}\r\n"
        message = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        status, again = 0, True
        while again:
            # A kept connection may have been closed by the server since; a fresh one has no such excuse.
            again = bool(self.idle)
            try:
                status = await self._answer(message, rude=kind == "rude")
            except (OSError, asyncio.IncompleteReadError):
                continue
            break
        if kind != "rude":
            self.rows.append((kind, due, status, time.monotonic() - self.start - due))

    def _request(self) -> tuple[str, bytes, str]:
        draw = self.random.random()
        picture = self.random.choice(self.pictures)
        for kind in ("broken", "rude", "slow"):
            share = self.plan.get(kind, 0.0)
            if draw < share:
                if kind == "slow":
                    return kind, json.dumps({"urls": [self.plan["slow_url"]]}).encode(), "application/json"
                return kind, picture if kind == "rude" else picture[: len(picture) // 3], "image/jpeg"
            draw -= share
        return "good", picture, "image/jpeg"

    async def _answer(self, message: bytes, *, rude: bool) -> int:
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(message)
            await writer.drain()
            if rude:
                await asyncio.sleep(0.01)
                return 0
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        finally:
            if rude:
                writer.close()
        if b"connection: close" in head:
            writer.close()
        else:
            self.idle.append((reader, writer))
        status = int(head.split(None, 2)[1])
        # A caption that is missing is no answer to a good picture.
        return 599 if status == 200 and b'"caption":null' in body else status


async def main() -> None:
    load = Load(json.loads(sys.argv[1]))
    await load.run()
    print(json.dumps(load.rows))


if __name__ == "__main__":
    asyncio.run(main())
