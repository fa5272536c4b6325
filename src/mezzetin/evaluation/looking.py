"""Where a captioner looks before it says a word, for a handful of pictures.

Enters: a captioner and pictures with their captions. Leaves: `Looked` records, none where the decoder has no attention.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mezzetin.captioner import BundleCaptioner
from mezzetin.errors import ImageError
from mezzetin.evaluation.findings import Looked
from mezzetin.evaluation.judged import Material
from mezzetin.text import tokenise

PICTURES, WORDS = 6, 5
_SMALL_WORDS = """
a an the and or of in on at to with by for from into onto over under up down out off is are was were be being as it its
his her their this that these those some one two near next while through there
"""


def has_attention(captioner: BundleCaptioner) -> bool:
    """Whether the decoder says where it looks."""
    return captioner.bundle.manifest["decoder"].get("grid") is not None


def worth_looking(material: Material, count: int = PICTURES) -> tuple[str, ...]:
    """Ids of `count` pictures with a caption, spread evenly from the best caption to the worst."""
    order = [int(i) for i in np.argsort(-material.cider, kind="stable") if material.pictures[int(i)].hypothesis]
    chosen = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return tuple(material.pictures[order[i]].image_id for i in chosen)


def looked(captioner: BundleCaptioner, pictures: Iterable[tuple[str, bytes, str]]) -> tuple[Looked, ...]:
    """Where the model looked before telling words of each caption; `pictures` are (image id, encoded picture, caption).

    At most five words a picture, articles and the like left out; the maps of a picture are on one scale, their largest
    number 1. A picture that can't be read is left out.
    """
    if not has_attention(captioner):
        return ()
    found, small = [], set(_SMALL_WORDS.split())
    for image_id, image, caption in pictures:
        words = tokenise(caption)
        telling = [place for place, word in enumerate(words) if word not in small][:WORDS]
        try:
            looks = captioner.attend(image, words) if telling else None
        except ImageError:
            continue
        if looks is None:
            continue
        chosen = looks[telling]
        scaled = np.round(chosen / max(float(chosen.max()), 1e-12), 3)
        maps = tuple(tuple(tuple(float(number) for number in row) for row in grid) for grid in scaled)
        found.append(Looked(image_id, tuple(words[place] for place in telling), maps))
    return tuple(found)
