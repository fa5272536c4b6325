"""Seconds an epoch of training, beside what its arithmetic alone costs.

For the first frozen and the first fine-tuned stage of a recipe: `--steps` real steps are timed, and after each the two
bare measures: the decoder's matrix products of that very batch, forward and backward and nothing else; and the
encoder, forward and backward, on as many pictures. An epoch is extrapolated from the mean step; computing the cache
and judging the held-out pictures are not in it. Prints one JSON line.

    python bench/train.py --dataset flickr8k.dataset --recipe recipes/small.toml --encoder-weights W.safetensors
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mezzetin.data.dataset import Dataset
from mezzetin.records import Progress
from mezzetin.training import loop
from mezzetin.training.allocator import keep_freed_memory
from mezzetin.training.batches import Batch, epoch_batches, steps_per_epoch
from mezzetin.training.corpus import Corpus, build_corpus
from mezzetin.training.decoders import DECODERS
from mezzetin.training.encoders import ImageEncoder, build_encoder
from mezzetin.training.loop import Run, Stage
from mezzetin.training.model import CaptionModel
from mezzetin.training.pictures import cached_features, cached_pixels
from mezzetin.training.recipe import DecoderRecipe, Recipe, StageRecipe, read_recipe
from mezzetin.vocabulary import PAD

WARM_UP = 2


class EnoughError(Exception):
    """All steps are timed."""


@dataclass(frozen=True)
class Product:
    """`count` products of an m x k and a k x n matrix."""

    count: int
    m: int
    k: int
    n: int


def products(recipe: DecoderRecipe, model: CaptionModel, batch: Batch) -> Iterator[Product]:
    """The decoder's forward matrix products on a batch."""
    if recipe.kind != "transformer":
        raise SystemExit("only a transformer's products are known here: bench/epoch.py times the other decoders")
    (images, captions, words), spec = batch.words_BKT.shape, model.encoder.spec
    width, heads, positions = recipe.width, recipe.heads, spec.positions
    seen, said = images * positions, images * captions * words
    yield Product(1, seen, spec.channels, width)
    for _ in range(recipe.layers):
        yield Product(1, seen, width, 2 * width)
        yield Product(1, said, width, 3 * width)
        # Scores and mixtures of the words among themselves, then of the words over the picture.
        yield Product(images * captions * heads, words, width // heads, words)
        yield Product(images * captions * heads, words, words, width // heads)
        yield Product(images * heads, captions * words, width // heads, positions)
        yield Product(images * heads, captions * words, positions, width // heads)
        for _ in range(3):
            yield Product(1, said, width, width)
        yield Product(1, said, width, recipe.feed_forward)
        yield Product(1, said, recipe.feed_forward, width)
    yield Product(1, int((batch.targets_BKT != PAD).sum()), width, model.decoder.words.num_embeddings)


def multiply(wanted: list[Product], dtype: torch.dtype) -> float:
    """Seconds of these products and of the two that each has in the backward pass."""
    seconds = 0.0
    for p in wanted:
        left, right, out = (torch.ones(p.count, *size, dtype=dtype) for size in ((p.m, p.k), (p.k, p.n), (p.m, p.n)))
        started = time.perf_counter()
        torch.bmm(left, right, out=out)
        torch.bmm(out, right.transpose(1, 2), out=left)
        torch.bmm(left.transpose(1, 2), out, out=right)
        seconds += time.perf_counter() - started
    return seconds


def look(encoder: ImageEncoder, pixels_BHW3: Tensor, dtype: torch.dtype, learns: bool) -> float:
    """Seconds of the encoder on a batch: forward, and backward where it learns."""
    started = time.perf_counter()
    with torch.set_grad_enabled(learns), torch.autocast("cpu", dtype, enabled=dtype is torch.bfloat16):
        features: Tensor = encoder(pixels_BHW3)
        if learns:
            features.sum().backward()  # type: ignore[no-untyped-call]
    seconds = time.perf_counter() - started
    encoder.zero_grad(set_to_none=True)
    return seconds


class Clock:
    """Times each step from report to report, and after each the bare measures."""

    def __init__(self, recipe: Recipe, stage: StageRecipe, model: CaptionModel, batches: list[Batch]) -> None:
        self.recipe, self.model, self.batches = recipe, model, batches
        self.learns = stage.encoder == "fine-tuned"
        self.dtype = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
        self.seconds: dict[str, list[float]] = {"step": [], "products": [], "encoder": []}
        side = model.encoder.spec.preprocessing
        self.pixels = torch.randint(0, 256, (stage.batch_images, side.height, side.width, 3), dtype=torch.uint8)
        self.started = time.perf_counter()

    def __call__(self, progress: Progress) -> None:
        self.seconds["step"].append(time.perf_counter() - self.started)
        batch = self.batches[progress.done - 1]
        wanted = list(products(self.recipe.decoder, self.model, batch))
        self.seconds["products"].append(multiply(wanted, self.dtype))
        # Gradients of the step itself are done with; the optimiser has moved the weights.
        self.seconds["encoder"].append(look(self.model.encoder, self.pixels, self.dtype, self.learns))
        if progress.done == len(self.batches):
            raise EnoughError
        self.started = time.perf_counter()

    def mean(self, what: str) -> float:
        return statistics.fmean(self.seconds[what][WARM_UP:])


def first(corpus: Corpus, pictures: int) -> Corpus:
    """The corpus cut to as many pictures as the timed steps show."""
    kept = slice(0, pictures)
    return replace(corpus, keys=corpus.keys[kept], captions=corpus.captions[kept], mirrored=corpus.mirrored[kept])


def timed(dataset: Dataset, recipe: Recipe, stage: StageRecipe, steps: int, corpus: Corpus, folder: Path) -> Any:
    """The figures of one stage."""
    encoder = build_encoder(recipe.encoder)
    decoder = DECODERS[recipe.decoder.kind](
        recipe.decoder, len(corpus.vocabulary), encoder.spec.channels, encoder.spec.positions
    )
    model, cut = CaptionModel(encoder, decoder), first(corpus, (WARM_UP + steps) * stage.batch_images)
    silent: Any = lambda progress: None  # noqa: E731
    pictures: Any = (
        cached_features(dataset, cut.keys, encoder, folder, mirror=stage.mirror, report=silent)
        if stage.encoder == "frozen"
        else cached_pixels(dataset, cut.keys, encoder, folder, crop=stage.crop, report=silent)
    )
    batches = list(epoch_batches(cut, stage, seed=recipe.seed, epoch=0))
    clock = Clock(recipe, stage, model, batches)
    run = Run(recipe, cut, folder, "bench", clock)
    try:
        Stage(run, stage.model_copy(update={"epochs": 1}), model, pictures).train()
    except EnoughError:
        pictures.close()
    step, bare, seen = clock.mean("step"), clock.mean("products"), clock.mean("encoder")
    whole = steps_per_epoch(corpus, stage)
    return {
        "seconds_an_epoch": round(step * whole, 1),
        "seconds_a_step": round(step, 4),
        "pictures_a_second": round(stage.batch_images / step, 1),
        "bare_products_seconds_a_step": round(bare, 4),
        "bare_encoder_pictures_a_second": round(stage.batch_images / seen, 1),
        "bare_share_of_step": round((bare + seen * clock.learns) / step, 3),
        "steps_an_epoch": whole,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=Path(__file__).parents[1] / "recipes" / "small.toml")
    parser.add_argument("--encoder-weights", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    asked = parser.parse_args()
    recipe, dataset = read_recipe(asked.recipe), Dataset.open(asked.dataset)
    if asked.encoder_weights:
        named = recipe.encoder.model_copy(update={"weights": str(asked.encoder_weights)})
        recipe = recipe.model_copy(update={"encoder": named})
    # As in a real run, but without its checkpoints.
    torch.use_deterministic_algorithms(True)
    keep_freed_memory()
    loop.SECONDS_BETWEEN_CHECKPOINTS = 1 << 30
    corpus = build_corpus(dataset, recipe.data, recipe.seed, None)
    line: dict[str, Any] = {
        "bench": "train",
        "pictures": len(corpus.keys),
        "encoder": recipe.encoder.name,
        "precision": recipe.precision,
        "steps": asked.steps,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    for kind in ("frozen", "fine-tuned"):
        stage = next((stage for stage in recipe.stages if stage.encoder == kind), None)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            line[kind] = stage and timed(dataset, recipe, stage, asked.steps, corpus, place)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
