"""A static gallery as files: pages of pictures with their real alt texts, a page a picture, and a search index.

Enters: a collection and an order. Leaves: a folder that opens from a disk as it does from any web server: `index.html`
first. Cut off, it goes on; the pages that list pictures are written as they fill, so that memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Any

from mezzetin.collection.opening import Collection
from mezzetin.publication.jsonld import CONTEXT, image_object
from mezzetin.publication.order import Exported, Order
from mezzetin.publication.provenance import is_vouched_for
from mezzetin.publication.putting import base_of, chosen, counted, tally, title_of
from mezzetin.publication.shrinking import LARGE, SMALL, Shrinker
from mezzetin.publication.site.cards import Card, card_of, entry_of
from mezzetin.publication.site.index import Index
from mezzetin.publication.site.look import page, parts
from mezzetin.publication.tree import Tree, asked

A_PAGE = 48
"""Pictures on a page of the grid."""
_NAMES = (
    r"(index|page-\d+)\.html|pictures/\d+\.html|images/\d+-\d+-[0-9a-f]+\.jpg"
    r"|search/\d+\.js|parts/site\.(css|js)|parts/index\.js"
)


def write(collection: Collection, order: Order, done: Exported) -> None:
    """Write the folder; of the options `title` is its heading and `base_url` where it will stand, if anywhere.

    Raises:
        InputError: the base address is none, or the folder holds something else.
        EnvironmentProblem: it can't be written, or a store refuses.

    """
    base = base_of(order)
    title = title_of(collection, order)
    tree = Tree(collection, order, done, _NAMES, asked(order))
    with chosen(collection, order) as (found, total):
        if order.dry_run:
            tally(found, order, done, total)
            return
        langs = order.selection.langs or ("en",)
        with closing(Shrinker(collection, order, done, tree)) as shrinker:
            copied = counted(shrinker.copied(found, (SMALL, LARGE)), order, done, total)
            cards = (card_of(one, copies, langs) for one, copies in copied)
            _Pages(tree, title, base).write(cards)
    tree.finish()


@dataclass(frozen=True, slots=True)
class _Pages:
    """The pages of one site."""

    tree: Tree
    title: str
    base: str

    def write(self, cards: Iterator[Card]) -> None:
        """Write all of it, the pages of the grid last, when it is known how many there are."""
        for name, content in parts().items():
            self.tree.put(name, content)
        index = Index(self.tree)
        grid: list[Card] = []
        for before, card, after in _with_neighbours(cards):
            self._picture(card, before, after, index.size // A_PAGE + 1)
            index.add(entry_of(card))
            grid.append(card)
            if len(grid) == A_PAGE and after is not None:
                self._grid(grid, index.size // A_PAGE, is_last=False)
                grid = []
        self._grid(grid, max(1, -(-index.size // A_PAGE)), is_last=True)
        index.finish()

    def _grid(self, cards: list[Card], number: int, *, is_last: bool) -> None:
        values: dict[str, Any] = {
            "title": self.title,
            "up": "",
            "cards": cards,
            "number": number,
            "before": page_name(number - 1) if number > 1 else None,
            "after": None if is_last else page_name(number + 1),
            "has_machine": any(not is_vouched_for(text) for card in cards for text in card.texts),
            "here": self._address(page_name(number)),
        }
        self.tree.put(page_name(number), page("grid.html", values))

    def _picture(self, card: Card, before: Card | None, after: Card | None, number: int) -> None:
        where = {"contentUrl": f"../{card.large.name}", "thumbnailUrl": f"../{card.small.name}"}
        if self.base:
            where = {name: f"{self.base}/{address[3:]}" for name, address in where.items()}
            where["url"] = f"{self.base}/{card.page}"
        values: dict[str, Any] = {
            "title": self.title,
            "up": "../",
            "card": card,
            "before": before,
            "after": after,
            "back": f"../{page_name(number)}#p{card.picture.id}",
            "linked": {"@context": CONTEXT, **image_object(card.shown, where=where)},
            "here": self._address(card.page),
            "image": f"{self.base}/{card.large.name}" if self.base else None,
        }
        self.tree.put(card.page, page("picture.html", values))

    def _address(self, name: str) -> str | None:
        return f"{self.base}/{'' if name == 'index.html' else name}" if self.base else None


def page_name(number: int) -> str:
    """The file of a page of the grid, counted from 1."""
    return "index.html" if number == 1 else f"page-{number}.html"


def _with_neighbours(cards: Iterable[Card]) -> Iterator[tuple[Card | None, Card, Card | None]]:
    before: Card | None = None
    own: Card | None = None
    for card in chain(cards, (None,)):
        if own is not None:
            yield before, own, card
        before, own = own, card
