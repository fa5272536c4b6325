"""Rows of arrays on disk, one for each picture: features of a frozen encoder, or decoded pixels.

Enters: rows keyed by picture digest. Leaves: `NAME.npy`, which NumPy opens memory-mapped, and `NAME.keys`, a line
a finished row. Rows are read with `pread`, not through a mapping, so that a run's memory stays flat however many
rows it visits. A cache is safe to delete; an interrupted one is continued.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mezzetin.storage.paths import writing


class RowCache:
    """`capacity` rows of one shape; a row is written once and then read by key."""

    def __init__(self, folder: Path, name: str, *, capacity: int, shape: Sequence[int], dtype: DTypeLike) -> None:
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self._row_bytes = self.dtype.itemsize * int(np.prod(self.shape))
        folder.mkdir(parents=True, exist_ok=True)
        data, keys = folder / f"{name}.npy", folder / f"{name}.keys"
        whole = (capacity, *self.shape)
        self.rows: dict[str, int] = {}
        if data.exists() and keys.exists() and _describes(data, whole, self.dtype):
            # A torn last line belongs to a row that was not finished.
            finished = keys.read_text().split("\n")[:-1]
            self.rows = {key: row for row, key in enumerate(finished)}
            keys.write_text("".join(f"{key}\n" for key in finished))
        else:
            keys.unlink(missing_ok=True)
            np.lib.format.open_memmap(data, mode="w+", dtype=self.dtype, shape=whole).flush()
        self._place = folder
        self._offset = data.stat().st_size - capacity * self._row_bytes
        self._data = os.open(data, os.O_RDWR)
        self._keys = keys.open("a")

    def missing(self, keys: Iterable[str]) -> list[str]:
        """The keys that have no row yet, in order, each once."""
        return [key for key in dict.fromkeys(keys) if key not in self.rows]

    def write(self, keys: Sequence[str], rows: NDArray[Any]) -> None:
        """Append rows; the keys are noted only after the data is written.

        Raises:
            EnvironmentProblem: the disk is full; what was written before is kept.

        """
        start = len(self.rows)
        block = np.ascontiguousarray(rows, self.dtype)
        with writing(self._place):
            written = os.pwrite(self._data, block.data, self._offset + start * self._row_bytes)
            if written != block.nbytes:
                # The kernel writes what there is room for and calls that a success.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._keys.write("".join(f"{key}\n" for key in keys))
            self._keys.flush()
        self.rows.update((key, start + number) for number, key in enumerate(keys))

    def read(self, keys: Sequence[str]) -> NDArray[Any]:
        """The rows of these keys, stacked. Raises KeyError for one that was never written."""
        block = np.empty((len(keys), *self.shape), self.dtype)
        for number, key in enumerate(keys):
            os.preadv(self._data, [block[number]], self._offset + self.rows[key] * self._row_bytes)
        return block

    def close(self) -> None:
        """Close the files."""
        os.close(self._data)
        self._keys.close()


def _describes(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return bool(found.shape == shape and found.dtype == dtype)
