"""Links to files and headings of the repository lead somewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Page = Any


def test_every_local_link_leads_somewhere(page: Page, all_pages: list[Page]) -> None:
    anchors = {other.path: other.anchors() for other in all_pages}
    lost = []
    for link in page.links():
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        if not target.exists() or (anchor and anchor not in anchors.get(target, set())):
            lost.append(link)
    assert lost == []


def test_every_page_of_the_docs_is_reached_from_the_readme(readme: Page) -> None:
    linked = {(readme.path.parent / link.partition("#")[0]).resolve() for link in readme.links()}
    pages = set((Path(readme.path.parent) / "docs").glob("*.md"))
    assert pages and pages <= linked
