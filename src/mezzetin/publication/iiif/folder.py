"""IIIF as files: a folder to put on any web server.

Enters: a collection and an order, whose options name the address under which the folder will stand. Leaves: a manifest
and an annotation page a picture, collections over them, and a JPEG a picture. Cut off, it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby

from mezzetin.collection.opening import Collection
from mezzetin.errors import InputError
from mezzetin.publication.iiif import documents
from mezzetin.publication.iiif.documents import PART, Addresses, Json, PaintedImage
from mezzetin.publication.order import Exported, Order
from mezzetin.publication.putting import base_of, chosen, counted, encoded, tally, title_of
from mezzetin.publication.rows import Published
from mezzetin.publication.shrinking import LARGE, Copies, Shrinker
from mezzetin.publication.tree import Tree, asked

_NAMES = r"\d+/(manifest|annotations)\.json|images/\d+-\d+-[0-9a-f]+\.jpg|collection(-\d+)?\.json"


def write(collection: Collection, order: Order, done: Exported) -> None:
    """Write the folder; the options are `base_url`, where it will stand, and `title`, what the collection is called.

    Raises:
        InputError: there is no base address, or the folder holds something else.
        EnvironmentProblem: it can't be written, or a store refuses.

    """
    addresses = Addresses(base_of(order))
    if not addresses.root:
        raise InputError("iiif names every document by its address: say where it will stand, --base-url URL")
    title = title_of(collection, order)
    tree = Tree(collection, order, done, _NAMES, asked(order))
    with chosen(collection, order) as (found, total):
        if order.dry_run:
            tally(found, order, done, total)
            return
        with closing(Shrinker(collection, order, done, tree)) as shrinker:
            copied = counted(shrinker.copied(found, (LARGE,)), order, done, total)
            _fill(tree, copied, title, addresses)
    tree.finish()


def _fill(tree: Tree, copied: Iterator[tuple[Published, Copies]], title: str, addresses: Addresses) -> None:
    parts: list[Json] = []
    alone: list[Json] = []
    for number, together in groupby(copied, key=lambda pair: (pair[0].picture.id - 1) // PART + 1):
        items = [_written(tree, one, copies, addresses) for one, copies in together]
        tree.put(f"collection-{number}.json", encoded(documents.part(number, title, items, addresses)))
        parts.append(documents.part_reference(number, title, addresses))
        alone = items if len(parts) == 1 else []
    # A small collection lists its manifests itself, and its one part only repeats them.
    tree.put("collection.json", encoded(documents.collection(title, alone or parts, addresses)))


def _written(tree: Tree, one: Published, copies: Copies, addresses: Addresses) -> Json:
    copy = copies[LARGE]
    image = PaintedImage(f"{addresses.root}/{copy.name}", copy.width, copy.height)
    number = one.picture.id
    tree.put(f"{number}/annotations.json", encoded(documents.annotation_page(one, addresses)))
    tree.put(f"{number}/manifest.json", encoded(documents.manifest(one, image, addresses)))
    return documents.reference(one.picture, addresses, image)
