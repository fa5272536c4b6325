"""Sides: no picture, and none that looks like it, on both sides of a split.

Enters: the facts of all rows. Leaves, where the source made the splits, what crosses them: copies by digest,
look-alikes by perceptual hash, groups. Where we make them, rows are moved so that nothing crosses: a set of pictures
that belong together (copies, look-alikes, a group) is split as one, by the least of its groups' names or else of its
digests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from mezzetin.data.facts import Fact, Facts, held_apart
from mezzetin.data.likeness import near_pairs
from mezzetin.data.readers.record import Defect
from mezzetin.data.splits import UNUSED

_NAMED_PAIRS = 3


def shared_images(facts: Facts) -> tuple[int, list[str]]:
    """Return how many pictures are copies of one in another split, and the first three of them in words."""
    count = 0
    named: list[str] = []
    for crossing, original in _shared(facts):
        count += 1
        if len(named) < _NAMED_PAIRS:
            named.append(f"{original.image_id} ({original.split}) is {crossing.image_id} ({crossing.split})")
    return count, named


def _shared(facts: Facts) -> Iterator[tuple[Fact, Fact]]:
    """Copies that stand on another side than the first, with the first."""
    for copies in facts.copies():
        used = [fact for fact in copies if fact.split != UNUSED]
        yield from ((fact, used[0]) for fact in used[1:] if fact.split != used[0].split)


def crossings(facts: Facts) -> Iterator[Defect]:
    """Yield what stands on both sides of the source's splits: copies, look-alikes, groups."""
    for fact, original in _shared(facts):
        yield Defect(
            "shared_image",
            fact.image_id,
            f"in {fact.split}, the same picture as {original.image_id} in {original.split}",
        )
    pairs = near_pairs(facts.likenesses(), sides=facts.sides())
    named: set[int] = set()
    for left, right in pairs[np.lexsort((pairs[:, 0], pairs[:, 1])), :2].tolist():
        if right in named:
            continue
        first, second = facts.fact(left), facts.fact(right)
        if first.sha256 != second.sha256 and held_apart((first.split, second.split)):
            detail = f"in {second.split}, looks like {first.image_id} in {first.split}"
            named.add(right)
            yield Defect("near_duplicate", second.image_id, detail)
    for name, members in facts.families():
        if held_apart(member.split for member in members):
            splits = " and ".join(sorted({member.split for member in members} - {UNUSED}))
            yield Defect("split_group", name, f"the source puts it in {splits}")


def keep_together(facts: Facts, split_of: Callable[[str], str]) -> int:
    """Move rows so that what belongs together is in one split; return how many pictures look like another.

    `split_of` gives the split of a set by its key: the least name of its groups, or else the least digest.
    """
    sets = _Sets(len(facts))
    for copies in facts.copies():
        sets.join(fact.number for fact in copies)
    pairs = near_pairs(facts.likenesses())[:, :2]
    for left, right in pairs.tolist():
        sets.join((left, right))
    for _, members in facts.families():
        sets.join(member.number for member in members)
    # Once all sets are complete; the names come in order, so the first of a set is its least.
    names: dict[int, str] = {}
    for name, members in facts.families():
        names.setdefault(sets.root(members[0].number), name)
    _move(facts, sets, names, split_of)
    return len(np.unique(pairs))


def _move(facts: Facts, sets: _Sets, names: dict[int, str], split_of: Callable[[str], str]) -> None:
    digests: dict[int, str] = {}
    for fact in facts:
        root = sets.root(fact.number)
        if sets.is_shared(root) and root not in names and fact.sha256:
            digests[root] = min(fact.sha256, digests.get(root, fact.sha256))
    moves = []
    for fact in facts:
        root = sets.root(fact.number)
        if not sets.is_shared(root):
            continue
        split = split_of(names.get(root) or digests.get(root) or fact.image_id)
        if split != fact.split:
            moves.append((fact.number, split))
    for number, split in moves:
        facts.move(number, split)


class _Sets:
    """Disjoint sets of rows."""

    def __init__(self, count: int) -> None:
        self._parent = np.arange(count)
        self._shared = np.zeros(count, bool)

    def root(self, row: int) -> int:
        """The row that stands for a row's set: its first."""
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = int(parent[row])
        return row

    def is_shared(self, root: int) -> bool:
        """Whether a set has several rows."""
        return bool(self._shared[root])

    def join(self, rows: Iterator[int] | tuple[int, ...]) -> None:
        """Make one set of the sets of these rows."""
        for left, right in pairwise(rows):
            first, second = sorted((self.root(left), self.root(right)))
            self._parent[second] = first
            self._shared[first] = self._shared[first] or self._shared[second] or first != second
