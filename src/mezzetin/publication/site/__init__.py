"""A gallery of plain files: pages that need no server, and a search that runs in the browser, also from a disk."""

from __future__ import annotations

from mezzetin.publication.site.folder import write

__all__ = ["write"]
