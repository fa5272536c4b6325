"""The text files of a source, whatever wrote them: their lines, their CSV rows, their JSON.

Enters: a place. Leaves: text. UTF-8 with or without a byte order mark, UTF-16 with one; a line that is neither is
read as Windows-1252 and the first of them is a defect. NULs are left out. Line ends are those of Unix, Windows or
old Macs. A file is streamed, except JSON. CSV is quoted as RFC 4180 says; a quote that never ends costs its line.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections import deque
from collections.abc import Iterable, Iterator
from typing import IO, Any

from mezzetin.data.readers.record import Defect
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place, reading

_LFS = b"version https://git-lfs.github.com/spec/v1"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK = 1 << 20
_LONGEST_LINE = 16 << 20
_LONGEST_ROW = 200  # lines; a quote that is open for longer is a stray one


def head_of(place: Place, size: int = 1 << 16) -> bytes:
    """Return the first `size` bytes of a file; b"" where it can't be read."""
    try:
        with place.open() as stream:
            return stream.read(size)
    except OSError:
        return b""


def check_head(place: Place, head: bytes) -> None:
    """Refuse a file that stands for another, and an empty one.

    Raises:
        DatasetError: it is a Git LFS pointer, or has no bytes.

    """
    if head.startswith(_LFS):
        raise DatasetError(f"{place} is a Git LFS pointer and not the file: run `git lfs pull` in its repository first")
    if not head:
        raise DatasetError(f"{place} is an empty file: fetch or write it again")


class Lines:
    """The lines of a text file, numbered from 1, line ends kept; `defects` says what was odd once they are read."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.defects: list[Defect] = []

    def __iter__(self) -> Iterator[str]:
        """Yield the lines.

        Raises:
            DatasetError: the file is missing, empty, a Git LFS pointer, or no text.

        """
        with reading(self.place), self.place.open() as stream:
            head = stream.read(len(_LFS))
            check_head(self.place, head)
            stream.seek(0)
            lines = self._wide(stream) if head.startswith(_UTF16) else self._narrow(stream)
            for number, line in enumerate(lines, start=1):
                yield self._without_nul(number, line) if "\0" in line else line

    def _wide(self, stream: IO[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-16")()
        rest = ""
        try:
            while chunk := stream.read(_CHUNK):
                *lines, rest = (rest + decoder.decode(chunk)).split("\n")
                yield from (f"{line}\n" for line in lines)
            if rest + decoder.decode(b"", final=True):
                yield rest
        except UnicodeDecodeError as error:
            raise DatasetError(f"{self.place} begins as UTF-16 text but is none: convert it to UTF-8") from error

    def _narrow(self, stream: IO[bytes]) -> Iterator[str]:
        odd = False
        for number, line in enumerate(_split(self.place, stream), start=1):
            try:
                text = line.decode()
            except UnicodeDecodeError:
                text = _windows(line)
                if not odd:
                    self._note("encoding", number, "not UTF-8; such lines were read as Windows-1252: check the accents")
                odd = True
            yield text.removeprefix("\ufeff") if number == 1 else text

    def _without_nul(self, number: int, line: str) -> str:
        if not any(defect.kind == "nul_byte" for defect in self.defects):
            self._note("nul_byte", number, "NUL bytes, left out here and further down")
        return line.replace("\0", "")

    def _note(self, kind: str, number: int, detail: str) -> None:
        self.defects.append(Defect(kind, f"{self.place.name}:{number}", detail))


def _split(place: Place, stream: IO[bytes]) -> Iterator[bytes]:
    rest, end = b"", b""
    while chunk := stream.read(_CHUNK):
        end = end or (b"\r" if b"\r" in chunk and b"\n" not in chunk else b"\n")
        *lines, rest = (rest + chunk).split(end)
        if len(rest) > _LONGEST_LINE:
            raise DatasetError(f"{place} has a line of more than {_LONGEST_LINE >> 20} MiB: is it a text file?")
        for line in lines:
            yield line + end
    if rest:
        yield rest


def _windows(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        # Five bytes mean nothing in Windows-1252.
        return data.decode("latin-1")


def csv_rows(lines: Iterable[str], delimiter: str = ",", width: int = 0) -> Iterator[tuple[int, list[str] | None]]:
    """Yield (number of the last line, fields) of each row, blank lines left out; None for a line that is no row.

    A row of several lines must have `width` fields (0: any), or its first line is a stray quote's and the next
    line begins a row again.
    """
    source = iter(lines)
    waiting: deque[str] = deque()
    number = 0
    while True:
        taken: list[str] = []
        try:
            row = next(csv.reader(_taking(source, waiting, taken), delimiter=delimiter, strict=True), None)
            broken = row is not None and len(taken) > 1 and width not in (0, len(row))
        except csv.Error:
            row, broken = None, True
        if broken:
            waiting.extendleft(reversed(taken[1:]))
            number += 1
            yield number, None
            continue
        if row is None:
            return
        number += len(taken)
        if row:
            yield number, row


def _taking(source: Iterator[str], waiting: deque[str], taken: list[str]) -> Iterator[str]:
    while len(taken) < _LONGEST_ROW:
        line = waiting.popleft() if waiting else next(source, None)
        if line is None:
            return
        taken.append(line)
        yield line


def read_json(place: Place) -> tuple[Any, list[Defect]]:
    """Return a file's JSON value, and what was odd about its text.

    Raises:
        DatasetError: the file is missing, empty, a Git LFS pointer, or no JSON.

    """
    with reading(place):
        data = place.read_bytes()
    check_head(place, data)
    text, defects = decoded(place.name, data)
    try:
        return json.loads(text), defects
    except ValueError as error:
        where = f" near line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise DatasetError(f"{place} is not JSON{where}: it is cut short or altered, fetch it again") from error
    except RecursionError as error:
        raise DatasetError(f"{place} is nested too deeply to be a file of captions") from error


def decoded(name: str, data: bytes) -> tuple[str, list[Defect]]:
    """Return the text of a small file, and what was odd about it; it is called `name`."""
    try:
        return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig"), []
    except UnicodeDecodeError:
        return _windows(data), [Defect("encoding", name, "not UTF-8; read as Windows-1252: check the accents")]
