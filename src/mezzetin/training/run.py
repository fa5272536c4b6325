"""A training run: stage after stage from a dataset to a bundle.

Everything that is not the result lies in the run's folder: checkpoints, caches, a bundle a stage, `metrics.jsonl` and
`curves.svg`. The same call on the same folder goes on where it was cut off.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from mezzetin.bundle import MANIFEST, WEIGHTS, Bundle
from mezzetin.data.dataset import Dataset
from mezzetin.errors import EnvironmentProblem, RecipeError
from mezzetin.novelty import PREFIX
from mezzetin.storage.manifest import write_atomically
from mezzetin.training.allocator import keep_freed_memory
from mezzetin.training.assembly import assemble
from mezzetin.training.corpus import build_corpus
from mezzetin.training.curves import draw_curves
from mezzetin.training.decoders import DECODERS
from mezzetin.training.encoders import build_encoder, encoder_of
from mezzetin.training.loop import Run, Stage
from mezzetin.training.model import CaptionModel, step_seed
from mezzetin.training.pictures import Pictures, Report, cached_features, cached_pixels
from mezzetin.training.recipe import DecoderRecipe, Recipe, StageRecipe, learning_part


def run_folder(target: Path) -> Path:
    """Where a run keeps everything that is not its result."""
    return target.with_name(f"{target.name}.training")


def is_result_of(bundle: Bundle, dataset: Dataset, recipe: Recipe, start: Bundle | None) -> bool:
    """Whether this is the bundle that the run would make."""
    return bool(bundle.manifest["training"]["run"] == _identity(dataset, recipe, start))


def train_stages(dataset: Dataset, folder: Path, recipe: Recipe, *, start: Bundle | None, report: Report) -> Bundle:
    """Train the stages of `recipe` on the dataset's train split; return the last stage's bundle.

    `start` is a bundle to go on from: its encoder, decoder and words are kept and only the stages, data and
    decoding of the recipe count.

    Raises:
        RecipeError: `folder` belongs to another run.
        DatasetError: the dataset has nothing to learn from.
        EnvironmentProblem: the disk is full or read-only; what was finished is kept.

    """
    torch.use_deterministic_algorithms(True)
    keep_freed_memory()
    identity = _identity(dataset, recipe, start)
    _claim(folder, identity)
    corpus = build_corpus(dataset, recipe.data, recipe.seed, start.vocabulary if start else None)
    model = _model(recipe, start, len(corpus.vocabulary))
    run = Run(recipe, corpus, folder, identity, report)
    bundles = [_stage(run, dataset, stage, model) for stage in recipe.stages]
    return bundles[-1]


def remove_scratch(folder: Path) -> None:
    """Remove checkpoints and caches, once the result is safe."""
    for scratch in ("checkpoints", "cache"):
        shutil.rmtree(folder / scratch, ignore_errors=True)


def _stage(run: Run, dataset: Dataset, stage: StageRecipe, model: CaptionModel) -> Bundle:
    place = run.folder / "stages" / stage.name
    if (place / MANIFEST).exists():
        bundle = Bundle.open(place)
        _load(model, bundle)
        return bundle
    pictures = _pictures(run, dataset, stage, model)
    Stage(run, stage, model, pictures).train()
    draw_curves(run.folder / "metrics.jsonl", run.folder / "curves.svg")
    bundle = assemble(run, dataset, model, pictures, place, stage.name)
    pictures.close()
    return bundle


def _pictures(run: Run, dataset: Dataset, stage: StageRecipe, model: CaptionModel) -> Pictures:
    keys, folder = [*run.corpus.keys, *run.corpus.held_keys], run.folder / "cache"
    try:
        if stage.encoder == "frozen":
            return cached_features(dataset, keys, model.encoder, folder, mirror=stage.mirror, report=run.report)
        return cached_pixels(dataset, keys, model.encoder, folder, crop=stage.crop, report=run.report)
    except OSError as error:
        raise EnvironmentProblem(
            f"the cache {folder} can't be written ({error.strerror or error}): make room there and run again"
        ) from error


def _model(recipe: Recipe, start: Bundle | None, words: int) -> CaptionModel:
    torch.manual_seed(step_seed("weights", recipe.seed))
    own = recipe.decoder
    if start is not None:
        own = DecoderRecipe(**start.manifest["training"]["recipe"]["decoder"])
    encoder = build_encoder(recipe.encoder) if start is None else encoder_of(start)
    decoder = DECODERS[own.kind](own, words, encoder.spec.channels, encoder.spec.positions)
    model = CaptionModel(encoder, decoder)
    if start is not None:
        _load(model, start)
    return model


def _load(model: CaptionModel, bundle: Bundle) -> None:
    tensors = load_file(bundle.folder / WEIGHTS)
    model.load_state_dict({n: t.float() for n, t in tensors.items() if not n.startswith(PREFIX)})


def _identity(dataset: Dataset, recipe: Recipe, start: Bundle | None) -> str:
    """What makes a run this run and no other: all that decides the weights."""
    parts = [learning_part(recipe), dataset.digest, start.digest if start else None]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _claim(folder: Path, identity: str) -> None:
    note = folder / "run.json"
    if note.exists() and json.loads(note.read_bytes()).get("run") != identity:
        raise RecipeError(
            f"{folder} belongs to another run (the recipe or the dataset changed): remove it or name another bundle"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(note, json.dumps({"run": identity}).encode())
    except OSError as error:
        raise EnvironmentProblem(f"{folder} can't be written: {error.strerror or error}") from error
