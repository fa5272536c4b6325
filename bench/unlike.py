"""Whether the warning notices a kind of real photograph that it was never fitted to; prints one JSON line.

    python bench/unlike.py DATASET --model BUNDLE [--split val] [--train train]

For each kind, told by the references' words, the feature space is fitted again to the gists of the training pictures
without that kind (a tenth of them held out for its scale), and `auroc` is the chance that a picture of the kind gets a
higher `unlike_training` than another picture of the split; `auroc_fitted_with` is the same while the kind was in the
fit. `warned` is the share of the kind at 0.5 or more. The encoder saw the kind when it was trained, so the figures tell
what the fitted space knows; they are no promise for what the encoder never saw.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.contactsheet import UNLIKE_TRAINING
from mezzetin.data.dataset import Dataset
from mezzetin.evaluation.unfamiliar import auroc
from mezzetin.novelty import FeatureSpace, fit_feature_space
from mezzetin.text import tokenise
from mezzetin.worker import BATCH

KINDS = {
    "snow": "snow snowy snowboard snowboarder snowboarding ski skier skiers skiing skis sled",
    "water": "water ocean sea lake river pool wave waves surfer surfing swimming swims swimmer beach",
    "dogs": "dog dogs puppy puppies",
    "bicycles": "bike bikes bicycle bicycles biker bikers cyclist cyclists bicyclist",
}
HELD_OUT = 10
"""Every so many training pictures one is kept for the scale."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", type=Path, help="a bundle's folder; default: the bundled captioner")
    parser.add_argument("--split", default="val", help="pictures that are warned of or not")
    parser.add_argument("--train", default="train", help="pictures that the space is fitted to")
    chosen = parser.parse_args()
    captioner, dataset = load_captioner(chosen.model), Dataset.open(chosen.dataset)
    training, of_training = gists(captioner, dataset, chosen.train)
    split, of_split = gists(captioner, dataset, chosen.split)
    found = {name: measure(name, training, of_training, split, of_split) for name in KINDS}
    print(json.dumps({"model": captioner.info.signature, "dataset": dataset.digest[:16], "kinds": found}))


def gists(captioner: BundleCaptioner, dataset: Dataset, split: str) -> tuple[NDArray[np.float32], list[set[str]]]:
    """The gist of each picture of a split, `[N, C]`, and the kinds that most of its captions name."""
    rows, found, kinds = dataset.rows({split}), [], []
    while batch := list(islice(rows, BATCH)):
        decoded = [(captioner.pixels(row.image), row.captions) for row in batch if row.image]
        whole = [(pixels, captions) for pixels, captions in decoded if isinstance(pixels, np.ndarray)]
        if whole:
            found.append(captioner.gists(np.stack([pixels for pixels, _ in whole])))
            kinds += [named(captions) for _, captions in whole]
    return np.concatenate(found), kinds


def named(captions: Sequence[str]) -> set[str]:
    """The kinds that at least two captions name, or the only one."""
    words = [set(tokenise(caption)) for caption in captions]
    needed = min(2, len(words))
    return {name for name, of in KINDS.items() if sum(not own.isdisjoint(of.split()) for own in words) >= needed}


def measure(
    name: str,
    training: NDArray[np.float32],
    of_training: list[set[str]],
    split: NDArray[np.float32],
    of_split: list[set[str]],
) -> dict[str, Any]:
    """Fit with and without a kind, and see whether its pictures stand out."""
    without = np.array([name not in kinds for kinds in of_training])
    kind = np.array([name in kinds for kinds in of_split])
    away, near = fitted(training[without]), fitted(training)
    numbers = away.unlike(split).astype(np.float64)
    told = auroc(numbers[~kind], numbers[kind])
    known = near.unlike(split).astype(np.float64)
    return {
        "left_out": int((~without).sum()),
        "pictures": int(kind.sum()),
        "others": int((~kind).sum()),
        "auroc": [round(number, 3) for number in (told.value, told.low, told.high)],
        "auroc_fitted_with": round(auroc(known[~kind], known[kind]).value, 3),
        "warned": round(float((numbers[kind] >= UNLIKE_TRAINING).mean()), 3),
        "others_warned": round(float((numbers[~kind] >= UNLIKE_TRAINING).mean()), 3),
    }


def fitted(gists_NC: NDArray[np.float32]) -> FeatureSpace:
    """The space as training fits it: to most pictures, with its scale from those held out."""
    held = np.arange(len(gists_NC)) % HELD_OUT == 0
    return fit_feature_space(gists_NC[~held], gists_NC[held])


if __name__ == "__main__":
    main()
