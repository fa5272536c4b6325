"""A training run: stage after stage from a dataset to a bundle.

Everything that is not the result lies in the run's folder: checkpoints, caches, a bundle a stage, `metrics.jsonl` and
`curves.svg`. The same call on the same folder goes on where it was cut off.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import closing
from pathlib import Path

import torch
from safetensors.torch import load_file

from mezzetin.bundle import MANIFEST, WEIGHTS, Bundle
from mezzetin.data.dataset import Dataset
from mezzetin.errors import RecipeError
from mezzetin.novelty import PREFIX
from mezzetin.storage.files import file_sha256, write_atomically
from mezzetin.storage.paths import Place, writing
from mezzetin.training.allocator import keep_freed_memory
from mezzetin.training.assembly import assemble, relabelled, says_the_same
from mezzetin.training.corpus import build_corpus
from mezzetin.training.curves import draw_curves
from mezzetin.training.decoders import DECODERS
from mezzetin.training.encoders import build_encoder, bundle_named, encoder_of
from mezzetin.training.loop import Run, Stage
from mezzetin.training.model import CaptionModel, step_seed
from mezzetin.training.pictures import Pictures, Report, cached_features, cached_pixels
from mezzetin.training.recipe import DecoderRecipe, EncoderRecipe, Recipe, StageRecipe, learning_part


def run_folder(target: Place) -> Path:
    """Where a run keeps everything that is not its result: beside it, or, if that is in a store, in this folder.

    Raises:
        RecipeError: nothing can lie beside the target.

    """
    path = Path(target.address.path if target.is_local else target.name)
    # "." has no name of its own.
    place = path if path.name else path.absolute()
    if place.name in ("", ".."):
        raise RecipeError(f"a bundle can't be written to {target}: name a folder of its own")
    return place.with_name(f"{place.name}.training")


def is_result_of(bundle: Bundle, dataset: Dataset, recipe: Recipe, start: Bundle | None) -> bool:
    """Whether this is the bundle that the run would make."""
    began, weights = bundle.manifest["provenance"].get("encoder_weights"), _weights_digest(recipe, start)
    if bundle.manifest["training"]["run"] != _identity(dataset, _recorded(recipe, start), start):
        return False
    return says_the_same(bundle, recipe) and (weights is None or began in (None, weights))


def train_stages(dataset: Dataset, folder: Path, recipe: Recipe, *, start: Bundle | None, report: Report) -> Bundle:
    """Train the stages of `recipe` on the dataset's train split; return the last stage's bundle.

    `start` is a bundle to go on from: its encoder, decoder and words are kept and only the stages, data and
    decoding of the recipe count.

    Raises:
        RecipeError: `folder` belongs to another run, or a file that the recipe names is missing.
        DatasetError: the dataset has nothing to learn from.
        EnvironmentProblem: the disk is full or read-only; what was finished is kept.

    """
    torch.use_deterministic_algorithms(True)
    keep_freed_memory()
    if recipe.licence_file and not Path(recipe.licence_file).is_file():
        raise RecipeError(f"there is no licence file {recipe.licence_file}: mend licence_file in the recipe")
    recorded, weights = _recorded(recipe, start), _weights_digest(recipe, start)
    identity = _identity(dataset, recorded, start)
    weights = _claim(folder, identity, weights)
    corpus = build_corpus(dataset, recipe.data, recipe.seed, start.vocabulary if start else None)
    model = _model(recipe, start, len(corpus.vocabulary))
    run = Run(recorded, corpus, folder, identity, report, weights)
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
        return relabelled(bundle, run.recipe)
    with closing(_pictures(run, dataset, stage, model)) as pictures:
        Stage(run, stage, model, pictures).train()
        with writing(run.folder):
            draw_curves(run.folder / "metrics.jsonl", run.folder / "curves.svg")
        return assemble(run, dataset, model, pictures, place, stage.name)


def _pictures(run: Run, dataset: Dataset, stage: StageRecipe, model: CaptionModel) -> Pictures:
    keys, folder = [*run.corpus.keys, *run.corpus.held_keys], run.folder / "cache"
    with writing(folder):
        if stage.encoder == "frozen":
            return cached_features(dataset, keys, model.encoder, folder, mirror=stage.mirror, report=run.report)
        return cached_pixels(dataset, keys, model.encoder, folder, crop=stage.crop, report=run.report)


def _recorded(recipe: Recipe, start: Bundle | None) -> Recipe:
    """The recipe as a bundle keeps it: what comes from another bundle is told by content, not by where that lies."""
    source = bundle_named(recipe.encoder.name) if start is None else start
    if source is None:
        return recipe
    encoder = EncoderRecipe(name=f"bundle:{source.digest[:12]}")
    return recipe.model_copy(update={"encoder": encoder, "decoder": _decoder(recipe, start)})


def _decoder(recipe: Recipe, start: Bundle | None) -> DecoderRecipe:
    return recipe.decoder if start is None else DecoderRecipe(**start.manifest["training"]["recipe"]["decoder"])


def _model(recipe: Recipe, start: Bundle | None, words: int) -> CaptionModel:
    torch.manual_seed(step_seed("weights", recipe.seed))
    encoder = build_encoder(recipe.encoder) if start is None else encoder_of(start)
    own = _decoder(recipe, start)
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


def _weights_digest(recipe: Recipe, start: Bundle | None) -> str | None:
    """The sha256 of the file that the encoder begins with; None where there is none to compare."""
    if start is not None or recipe.encoder.weights is None or not Path(recipe.encoder.weights).is_file():
        return None
    return file_sha256(Path(recipe.encoder.weights))


def _claim(folder: Path, identity: str, weights: str | None) -> str | None:
    """Make the folder this run's; return the digest of the encoder's first weights, if this call or the first knew."""
    note = folder / "run.json"
    with writing(folder):
        told = _told(note) if note.exists() else {"run": identity}
        began = told.get("encoder_weights")
        if told.get("run") != identity or (weights and began not in (None, weights)):
            raise RecipeError(
                f"{folder} belongs to another run (the recipe, the encoder's weights or the dataset changed): "
                "remove it or name another bundle"
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(note, json.dumps({"run": identity, "encoder_weights": weights or began}).encode())
    return weights or began


def _told(note: Path) -> dict[str, str | None]:
    try:
        return dict(json.loads(note.read_bytes()))
    except (ValueError, TypeError):
        return {}
