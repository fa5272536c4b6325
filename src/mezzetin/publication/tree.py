"""A folder that an export fills: begun once, resumed where it was cut off, and never written over unasked.

Enters: a place, and files by name. Leaves: the folder, with a small file in it that says whose export it is and whether
it is complete. At the end what an earlier run wrote and this one did not is taken away, so that a picture which was
withdrawn or forgotten does not stay; files of other names are never touched.
"""

from __future__ import annotations

import hashlib
import json
import re
from array import array
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

import numpy as np

from mezzetin.collection.opening import Collection
from mezzetin.errors import InputError
from mezzetin.publication.order import Exported, Order
from mezzetin.storage.paths import Place, reading, writing

MARKER = "mezzetin-export.json"
"""The file that makes a folder an export; it is no part of what is published."""


class Tree:
    """The folder of one export, for one run; nothing is ever removed whose name does not look like `names`.

    Raises:
        InputError: the folder holds something else, another export, or a complete one, and nobody said --overwrite.
        EnvironmentProblem: it can't be read or written.

    """

    def __init__(
        self, collection: Collection, order: Order, done: Exported, names: str, asked: Mapping[str, Any]
    ) -> None:
        self.place = order.place()
        self._order = order
        self._done = done
        self._names = re.compile(names, re.ASCII)
        self._kept = array("Q")
        self._turn = Lock()
        self._about = {"format": done.format, "collection": collection.id, "asked": dict(asked)}
        self._begin()

    def put(self, name: str, content: bytes) -> None:
        """Write a file, unless it is there and the same."""
        place = self.place / name
        with writing(place):
            # A listing is cheaper than the content, and most files of a second run are as they were.
            entry = place.file_entry()
            same = entry is not None and entry.size == len(content) and place.read_bytes() == content
            if not same:
                place.write(content)
        self._keep(name, "same" if same else "written")

    def found(self, name: str) -> bytes | None:
        """A file that is there already and stays; None where it has to be made."""
        with reading(self.place):
            content = (self.place / name).read_bytes() if (self.place / name).is_file() else None
        if content is not None:
            self._keep(name, "same")
        return content

    def finish(self) -> None:
        """Take away what does not belong to this export any more, and say that it is complete."""
        known = np.sort(np.frombuffer(self._kept, np.uint64)) if self._kept else np.empty(0, np.uint64)
        with writing(self.place):
            for place in list(self._strays(known)):
                place.delete()
                self._done.files["removed"] += 1
            self._mark("complete")

    def _keep(self, name: str, what: str) -> None:
        # Copies come from several threads.
        with self._turn:
            self._kept.append(_mark(name))
            self._done.files[what] += 1

    def _strays(self, known: Any) -> Iterator[Place]:
        for place in self.place.walk():
            name = place.relative_to(self.place).replace("\\", "/")
            if self._names.fullmatch(name):
                mark = np.uint64(_mark(name))
                at = int(np.searchsorted(known, mark))
                if at == len(known) or known[at] != mark:
                    yield place

    def _begin(self) -> None:
        entry = self.place.entry()
        if entry is not None and not entry.is_folder:
            raise InputError(f"{self.place} is a file: name a folder to export to")
        known = self._known() if entry is not None else None
        if not self._order.overwrite:
            self._refuse(known, is_empty=entry is None or next(self.place.children(), None) is None)
        if not self._order.dry_run:
            with writing(self.place):
                self._mark("begun")

    def _refuse(self, known: Mapping[str, Any] | None, *, is_empty: bool) -> None:
        if known is None and not is_empty:
            raise InputError(f"{self.place} holds other files: name another folder, or add --overwrite")
        if known is not None and {name: known.get(name) for name in self._about} != self._about:
            raise InputError(f"{self.place} holds another export: name another folder, or add --overwrite")
        if known is not None and known.get("state") == "complete":
            raise InputError(f"{self.place} holds this export already: add --overwrite to bring it up to date")

    def _known(self) -> Mapping[str, Any] | None:
        marker = self.place / MARKER
        if not marker.is_file():
            return None
        with reading(marker):
            content = marker.read_bytes()
        try:
            found = json.loads(content)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {}

    def _mark(self, state: str) -> None:
        (self.place / MARKER).write(json.dumps({**self._about, "state": state}, indent=1).encode() + b"\n")


def asked(order: Order) -> dict[str, Any]:
    """What was asked of an export, for the file that tells one from another."""
    chosen = order.selection
    return {
        "texts": chosen.texts,
        "sampled": chosen.sampled,
        "langs": list(chosen.langs),
        "sources": list(chosen.sources),
        "with_restricted": chosen.with_restricted,
        **{name: str(value) for name, value in sorted(order.options.items())},
    }


def _mark(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
