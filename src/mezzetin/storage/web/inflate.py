"""Bodies: gathers the pieces of an answer, decompressed, and stops at the caps.

Enters: the value of Content-Encoding and the raw pieces. Leaves: the decoded bytes. Only gzip (RFC 1952) and
deflate (RFC 1950; RFC 1951, which some servers send instead) are understood: a fetch asks for no other.
"""

from __future__ import annotations

import zlib

from mezzetin.errors import FetchError

_GZIP_MAGIC = b"\x1f\x8b"
_PLAIN = ("", "identity")


class Body:
    """The body of one answer as it comes in; never holds more than its caps and one piece.

    Raises:
        FetchError: `bad_encoding` for an encoding that is not gzip or deflate.

    """

    def __init__(self, encoding: str, *, max_bytes: int, max_decoded_bytes: int) -> None:
        self._encoding = encoding.strip().lower().removeprefix("x-")
        if self._encoding not in (*_PLAIN, "gzip", "deflate"):
            raise FetchError(
                "bad_encoding", "the answer is compressed in a way that was not asked for: use another copy"
            )
        self._room_on_wire = max_bytes
        self._room = max_decoded_bytes
        self._decoded = bytearray()
        self._begun = False
        self._waiting = b""
        self._inflater: zlib._Decompress | None = None

    def announce(self, length: int) -> None:
        """Refuse a body by its Content-Length, in bytes, before any of it is read.

        Raises:
            FetchError: `too_large`.

        """
        if length > self._room_on_wire or (self._encoding in _PLAIN and length > self._room):
            raise _too_large()

    def feed(self, piece: bytes) -> None:
        """Take the next raw piece.

        Raises:
            FetchError: `too_large` as soon as a cap is passed; `bad_encoding` for broken compression.

        """
        self._room_on_wire -= len(piece)
        if self._room_on_wire < 0:
            raise _too_large()
        if self._encoding in _PLAIN:
            self._keep(piece)
            return
        try:
            self._inflate(self._waiting + piece)
        except zlib.error as error:
            raise _broken() from error

    def finish(self) -> bytes:
        """Return the decoded bytes once the last piece was fed.

        Raises:
            FetchError: `bad_encoding` when the compressed stream lacks its end.

        """
        if self._inflater is not None or (self._waiting and not self._begun):
            raise _broken()
        return bytes(self._decoded)

    def _inflate(self, raw: bytes) -> None:
        self._waiting = b""
        while raw:
            if self._inflater is None:
                if len(raw) < 2:  # two bytes tell what follows
                    self._waiting = raw
                    return
                self._inflater = self._begin(raw)
                if self._inflater is None:
                    return
            # One byte above the room tells "exactly full" from "too much"; what lies beyond is never made.
            self._keep(self._inflater.decompress(raw, self._room + 1))
            raw = self._inflater.unused_data
            if self._inflater.eof:
                self._inflater = None

    def _begin(self, raw: bytes) -> zlib._Decompress | None:
        if self._begun and (self._encoding != "gzip" or not raw.startswith(_GZIP_MAGIC)):
            return None  # padding behind the end: gzip(1) ignores it too
        self._begun = True
        if self._encoding == "gzip":
            return zlib.decompressobj(16 + zlib.MAX_WBITS)
        wrapped = raw[0] & 0x0F == 8 and int.from_bytes(raw[:2], "big") % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)

    def _keep(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise _too_large()
        self._decoded += piece


def _too_large() -> FetchError:
    return FetchError("too_large", "the answer is larger than a fetch takes: use a smaller copy, or a local file")


def _broken() -> FetchError:
    return FetchError("bad_encoding", "the answer's compression is broken: use another copy")
