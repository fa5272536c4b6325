"""Splits: which side of the training an image stands on.

Enters: what a source says of an image's split, or the image's content digest. Leaves: `train`, `val`, `test`,
the source's own name for a further split, or `unused` for an image that its source puts in none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

UNUSED = "unused"
SHARES = (0.8, 0.1, 0.1)
_NAMES = ("train", "val", "test")
_SYNONYMS = {
    "training": "train",
    "dev": "val",
    "valid": "val",
    "validation": "val",
    "testing": "test",
}


def split_name(text: str) -> str | None:
    """Return the standard name of a split as somebody wrote it, or None where nothing is written."""
    plain = text.strip().lower()
    return _SYNONYMS.get(plain, plain) or None


def most_held_out(splits: Iterable[str]) -> str:
    """Return, of an image's contradictory splits, the one that keeps it furthest from training."""
    order = {name: rank for rank, name in enumerate(_NAMES)}
    return max(splits, key=lambda name: (order.get(name, -1), name))


def seeded_split(sha256: str, seed: int, shares: tuple[float, float, float] = SHARES) -> str:
    """Return the split of the image with this content digest: train, val or test in the given shares.

    A pure function of the seed and the content, so two copies of one picture land on one side, and adding
    pictures moves none.
    """
    number = int.from_bytes(hashlib.sha256(f"{seed}:{sha256}".encode()).digest()[:8], "big") / 2**64
    total = sum(shares)
    if number < shares[0] / total:
        return "train"
    return "val" if number < (shares[0] + shares[1]) / total else "test"
