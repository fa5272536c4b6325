"""The index of one space, kept up with the collection; a large one in files beside it, made anew when they don't fit.

Enters: a collection. Leaves: an index of its vectors. `NAME.vectors/` holds nothing that the collection does not: it
may be deleted at any time, and `forget` deletes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from uuid import uuid4

import numpy as np

from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.vectors import derived_folder
from mezzetin.errors import EnvironmentProblem
from mezzetin.records import Progress
from mezzetin.retrieval.graph import GraphIndex, has_graphs
from mezzetin.retrieval.index import Among, ExactIndex, Floats, Nearest, Numbers, Rows
from mezzetin.storage.files import write_atomically

Report = Callable[[Progress], None]
EXACT_MOST = 50_000
"""Up to so many vectors each is compared with the question; of more too where no graph can be made."""
_WAITING_MOST = 20_000
_CHUNK = 10_000
_WITNESSES = 64


class SpaceIndex:
    """The vectors of `space` of a collection, ready to be asked."""

    def __init__(self, collection: Collection, space: str, *, exact_most: int = EXACT_MOST) -> None:
        self.space = space
        self._folder = derived_folder(collection.path)
        self._id = collection.id
        self._exact_most = exact_most if has_graphs() else None
        self._last = 0
        self._index: ExactIndex | GraphIndex | None = None
        self._built = False

    @property
    def size(self) -> int:
        """How many vectors there are."""
        return self._index.size if self._index else 0

    def nearest(self, vector: Floats, count: int, among: Among | None = None) -> Nearest:
        """As `Index.nearest`; of a vector of other dimensions than the space has, nothing."""
        if self._index is None or self._index.dimensions != len(vector):
            return Nearest(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        return self._index.nearest(vector, count, among)

    def renew(self, reader: Reader, report: Report | None = None) -> None:
        """Take in the vectors that the collection has got since; the first time all, from files where they are."""
        if self._index is None:
            self._open_files(reader)
        for keys, pictures, rows in self._later(reader):
            self._take(keys, pictures, rows)
            self._last = int(keys[-1])
            if report:
                report(Progress("index", self.size, None, "vectors"))
        if isinstance(self._index, GraphIndex) and (self._built or self._index.waiting > _WAITING_MOST):
            self._keep(self._index, reader)

    def rebuild(self, reader: Reader, report: Report | None = None) -> None:
        """Make it anew from the collection."""
        self._index, self._last = None, 0
        self._clear(None)
        self.renew(reader, report)

    def _later(self, reader: Reader) -> Iterator[tuple[Numbers, Numbers, Rows]]:
        found = reader.rows(
            "SELECT id, picture_id, vector FROM vectors WHERE id > ? AND space = ? ORDER BY id",
            (self._last, self.space),
        )
        while chunk := list(islice(found, _CHUNK)):
            rows = np.frombuffer(b"".join(row[2] for row in chunk), np.int8).reshape(len(chunk), -1)
            yield np.array([row[0] for row in chunk]), np.array([row[1] for row in chunk]), rows

    def _take(self, keys: Numbers, pictures: Numbers, rows: Rows) -> None:
        if self._index is None:
            self._index = ExactIndex(rows.shape[1])
        most = self._exact_most
        if most is not None and isinstance(self._index, ExactIndex) and self._index.size + len(keys) > most:
            graph = GraphIndex(rows.shape[1])
            graph.grow(*self._index.content)
            self._index, self._built = graph, True
        if isinstance(self._index, GraphIndex) and self._built:
            self._index.grow(keys, pictures, rows)
        else:
            self._index.add(keys, pictures, rows)

    def _keep(self, graph: GraphIndex, reader: Reader) -> None:
        """Write the graph to new files; where none can be written it stays in memory."""
        graph.merge()
        live = np.array(
            [row[0] for row in reader.rows("SELECT id FROM vectors WHERE space = ?", (self.space,))], np.int64
        )
        gone = np.setdiff1d(graph.keys, live)
        if len(gone):
            graph.remove(gone)
            graph.rebuild()
        self._built = False
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            place = self._folder / f"{self._slug}-{uuid4().hex[:8]}.usearch"
            graph.save(place)
            manifest = {"collection": self._id, "space": self.space, "last": self._last, "graph": place.name}
            manifest |= {"dimensions": graph.dimensions, "witnesses": self._witnesses(reader, graph.keys)}
            write_atomically(self._manifest, json.dumps(manifest).encode())
            self._clear(place)
        except (OSError, EnvironmentProblem):
            return

    def _open_files(self, reader: Reader) -> None:
        if self._exact_most is None:
            return
        try:
            manifest = json.loads(self._manifest.read_bytes())
            if (manifest["collection"], manifest["space"]) != (self._id, self.space):
                return
            if not self._witnessed(reader, manifest["witnesses"]) or manifest["last"] > newest_vector(reader):
                return
            self._index = GraphIndex(manifest["dimensions"], self._folder / manifest["graph"])
            self._last = manifest["last"]
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            # Derived, and made anew.
            self._index = None

    def _witnesses(self, reader: Reader, keys: Numbers) -> dict[str, str]:
        chosen = keys[np.linspace(0, len(keys) - 1, min(_WITNESSES, len(keys))).astype(int)]
        return _digests(reader, chosen.tolist())

    def _witnessed(self, reader: Reader, witnesses: dict[str, str]) -> bool:
        """Whether the files are of this state of the collection, or an earlier one: a restored one has other rows."""
        now = _digests(reader, [int(key) for key in witnesses])
        return 2 * len(now) >= len(witnesses) and all(witnesses[key] == digest for key, digest in now.items())

    @property
    def _slug(self) -> str:
        return re.sub(r"[^A-Za-z0-9]+", "-", self.space)

    @property
    def _manifest(self) -> Path:
        return self._folder / f"{self._slug}.json"

    def _clear(self, kept: Path | None) -> None:
        for file in self._folder.glob(f"{self._slug}-*.*"):
            if kept is None or file.stem != kept.stem:
                file.unlink(missing_ok=True)
        if kept is None:
            self._manifest.unlink(missing_ok=True)


def newest_vector(reader: Reader) -> int:
    """The highest number that a vector has ever had."""
    row = reader.one("SELECT seq FROM sqlite_sequence WHERE name = 'vectors'")
    return row[0] if row else 0


def _digests(reader: Reader, keys: list[int]) -> dict[str, str]:
    rows = reader.rows(
        "SELECT id, vector FROM vectors WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(keys),)
    )
    return {str(row[0]): blake2b(row[1], digest_size=8).hexdigest() for row in rows}
