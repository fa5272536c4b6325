"""The pages that people read, taken apart: fenced blocks, command lines, links, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[str]:
        """The fenced blocks in one of these languages."""
        return [body for language, body in _FENCE.findall(self.text) if language in languages]

    def command_lines(self) -> list[str]:
        """The lines that a reader may type: of blocks marked `sh`, continued lines joined, comments left out."""
        joined = "\n".join(self.blocks("sh")).replace("\\\n", " ")
        return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]

    def links(self) -> list[str]:
        """The targets of links and pictures outside fenced blocks."""
        return _LINK.findall(_FENCE.sub("", self.text))

    def anchors(self) -> set[str]:
        """What a link may name after `#`: headings as GitHub spells them."""
        titles = _HEADING.findall(_FENCE.sub("", self.text))
        return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.fixture(params=PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def page(request: pytest.FixtureRequest) -> Page:
    return Page(request.param)


@pytest.fixture(scope="session")
def readme() -> Page:
    return Page(ROOT / "README.md")


@pytest.fixture(scope="session")
def all_pages() -> list[Page]:
    return [Page(path) for path in PAGES]
