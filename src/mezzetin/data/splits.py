"""Splits: which side of the training an image stands on.

Enters: what a source says of an image's split, or the image's content digest. Leaves: `train`, `val`, `test`,
the source's own name for a further split, or `unused` for an image that its source puts in none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

UNUSED = "unused"
SHARES = (0.8, 0.1, 0.1)
_NAMES = ("train", "val", "test")
_YEAR = re.compile(r"_?20\d\d$")
_SYNONYMS = {
    "training": "train",
    "trn": "train",
    # What Karpathy's split of COCO trains on, too: the rest of its validation pictures.
    "restval": "train",
    "dev": "val",
    "valid": "val",
    "validation": "val",
    "testing": "test",
    "tst": "test",
}


def split_name(text: str) -> str | None:
    """Return the standard name of a split as somebody wrote it, or None where nothing is written.

    A year behind a known name (`train2014`) is no part of it.
    """
    plain = text.strip().lower()
    undated = _YEAR.sub("", plain)
    return _SYNONYMS.get(undated, undated if undated in _NAMES else plain) or None


def is_split(text: str) -> bool:
    """Say whether a text is a name of train, val or test."""
    return split_name(text) in _NAMES


def splits_by_name(names: Iterable[str]) -> list[str | None]:
    """Return the split that each file or folder is named for (`train-00000.tar`, `captions_val2014.json`), or None.

    All are None unless there are at least two splits among them: somebody who has one half of a published set alone
    wants it split.
    """
    splits = [_named_for(name) for name in names]
    return splits if len({split for split in splits if split}) > 1 else [None] * len(splits)


def _named_for(name: str) -> str | None:
    parts = re.split(r"[^a-z0-9]+", name.lower())
    return next((split for split in map(split_name, parts) if split in _NAMES), None)


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
