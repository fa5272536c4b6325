"""The search index of a site: a few files that the browser loads when somebody searches.

Enters: entries, one a picture. Leaves: `search/1.js` and so on, each a call with a list in JSON, and `parts/index.js`
with their number. They are scripts because a page that was opened from a disk may load a script, but no JSON.
"""

from __future__ import annotations

import json
from typing import Any

from mezzetin.publication.jsonld import in_script
from mezzetin.publication.tree import Tree

_TOGETHER = 2000


class Index:
    """Writes the index as it grows; `size` is how many pictures are in it."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._waiting: list[list[Any]] = []
        self._files = 0
        self.size = 0

    def add(self, entry: list[Any]) -> None:
        """Enter a picture."""
        self._waiting.append(entry)
        self.size += 1
        if len(self._waiting) == _TOGETHER:
            self._flush()

    def finish(self) -> None:
        """Write what is left, and how much there is."""
        if self._waiting:
            self._flush()
        told = json.dumps({"files": self._files, "pictures": self.size})
        self._tree.put("parts/index.js", f"window.mezzetin = {told};\n".encode())

    def _flush(self) -> None:
        self._files += 1
        lines = ",\n".join(in_script(entry) for entry in self._waiting)
        self._tree.put(f"search/{self._files}.js", f"window.mezzetin.take({self._files}, [\n{lines}\n]);\n".encode())
        self._waiting = []
