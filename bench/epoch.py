"""An epoch of the tutorial's model on cached features, beside the tutorial's own Keras generator.

Both train the same model (merge, same widths, vocabulary and loss) on the same captions and on random features of the
encoder's width; ours in the batches of the recipe, theirs a photograph at a time. Each is timed by the photograph after
a warm-up, ours before and after theirs, and an epoch is extrapolated; judging and the cache are not in it. Processor
seconds are less troubled by a busy machine. Theirs runs in a Python of its own, in which
`pip install keras tensorflow-cpu` was said. Prints one JSON line.

    python bench/epoch.py --dataset flickr8k.dataset --keras-python KERAS/bin/python
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from mezzetin.data.dataset import Dataset
from mezzetin.records import Progress
from mezzetin.training import loop
from mezzetin.training.allocator import keep_freed_memory
from mezzetin.training.cache import RowCache
from mezzetin.training.corpus import Corpus, build_corpus
from mezzetin.training.decoders import DECODERS
from mezzetin.training.encoders import build_encoder
from mezzetin.training.loop import Run, Stage
from mezzetin.training.model import CaptionModel
from mezzetin.training.pictures import FrozenPictures
from mezzetin.training.recipe import EncoderRecipe, Recipe, read_recipe
from mezzetin.vocabulary import END, START

WARM_UP = 3
PEER = Path(__file__).with_name("tutorial_keras.py")


class EnoughError(Exception):
    """All steps are timed."""


class Clock:
    """Notes when each step ended; ends the run after `steps` of them."""

    def __init__(self, steps: int) -> None:
        self.ends: list[tuple[float, float]] = []
        self.steps = steps

    def __call__(self, progress: Progress) -> None:
        self.ends.append((time.perf_counter(), time.process_time()))
        if len(self.ends) == self.steps:
            raise EnoughError


def first(corpus: Corpus, pictures: int) -> Corpus:
    kept = slice(0, pictures)
    return replace(corpus, keys=corpus.keys[kept], captions=corpus.captions[kept], mirrored=corpus.mirrored[kept])


def ours(recipe: Recipe, corpus: Corpus, channels: int, steps: int) -> tuple[float, float]:
    """Seconds, and seconds of all processors, a picture of real training steps."""
    stage = recipe.stages[0]
    cut = first(corpus, (WARM_UP + steps) * stage.batch_images)
    decoder = DECODERS[recipe.decoder.kind](recipe.decoder, len(corpus.vocabulary), channels, 1)
    decoder.words.weight.requires_grad_(recipe.words.tuned)
    # The encoder is a passenger: its features are in the cache.
    model, clock = CaptionModel(build_encoder(EncoderRecipe()), decoder), Clock(WARM_UP + steps)
    with tempfile.TemporaryDirectory() as folder:
        shape = (1, 1, channels)
        cache = RowCache(Path(folder), "features", capacity=len(cut.keys), shape=shape, dtype=np.float16)
        cache.write(cut.keys, features(len(cut.keys), channels).reshape(-1, *shape))
        pictures = FrozenPictures(cache)
        try:
            Stage(Run(recipe, cut, Path(folder), "bench", clock), stage, model, pictures).train()
        except EnoughError:
            pictures.close()
    seconds, worked = np.subtract(clock.ends[-1], clock.ends[WARM_UP - 1]) / (steps * stage.batch_images)
    return float(seconds), float(worked)


def theirs(recipe: Recipe, corpus: Corpus, channels: int, asked: argparse.Namespace) -> dict[str, Any]:
    """What the peer says of as many photographs."""
    cut = first(corpus, asked.warm_up + asked.photographs)
    captions = [[START, *caption[: corpus.max_words], END] for own in cut.captions for caption in own]
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "slice.npz"
        np.savez(
            part,
            features=features(len(cut.keys), channels),
            captions=[len(own) for own in cut.captions],
            lengths=[len(caption) for caption in captions],
            words=np.concatenate([np.array(caption) for caption in captions]),
            longest=max(len(caption) for own in corpus.captions for caption in own) + 2,
            vocabulary=len(corpus.vocabulary),
            embedding=recipe.decoder.embedding,
            width=recipe.decoder.width,
            tuned=recipe.words.tuned,
            at_once=asked.at_once,
            warm_up=asked.warm_up,
        )
        command = [asked.keras_python, str(PEER), str(part)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def features(count: int, channels: int) -> Any:
    """Random ones, half of them zero as behind VGG16's rectifier."""
    drawn = np.random.default_rng(0).normal(size=(count, channels)).astype(np.float32)
    return np.maximum(drawn, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--keras-python", required=True, help="a Python with keras and its backend")
    parser.add_argument("--recipe", type=Path, default=Path(__file__).parents[1] / "recipes" / "tutorial.toml")
    parser.add_argument("--channels", type=int, default=4096, help="width of the features; VGG16's is 4096")
    parser.add_argument("--photographs", type=int, default=200, help="that the peer is timed on")
    parser.add_argument("--warm-up", type=int, default=20, help="photographs that the peer sees before")
    parser.add_argument("--at-once", type=int, default=1, help="photographs in a batch of the peer")
    parser.add_argument("--steps", type=int, default=30, help="of ours, timed twice")
    asked = parser.parse_args()
    recipe = read_recipe(asked.recipe)
    # As in a real run, but without its checkpoints.
    torch.use_deterministic_algorithms(True)
    cast(Any, torch.utils.deterministic).fill_uninitialized_memory = False
    keep_freed_memory()
    loop.SECONDS_BETWEEN_CHECKPOINTS = 1 << 30
    corpus = build_corpus(Dataset.open(asked.dataset), recipe.data, recipe.seed, None)
    before = ours(recipe, corpus, asked.channels, asked.steps)
    peer = theirs(recipe, corpus, asked.channels, asked)
    seconds, worked = np.mean([before, ours(recipe, corpus, asked.channels, asked.steps)], 0)
    line = {
        "bench": "epoch",
        "pictures": len(corpus.keys),
        "words": len(corpus.vocabulary),
        "seconds_an_epoch": round(seconds * len(corpus.keys), 1),
        "keras_seconds_an_epoch": round(peer["seconds_a_photograph"] * len(corpus.keys), 1),
        "ratio": round(peer["seconds_a_photograph"] / seconds, 1),
        "processor_ratio": round(peer["processor_seconds_a_photograph"] / worked, 1),
        "bar": 10,
        "batch_images": recipe.stages[0].batch_images,
        "keras_photographs_a_batch": asked.at_once,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "keras": peer,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
