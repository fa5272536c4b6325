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
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor

from mezzetin.bundle import MANIFEST, WEIGHTS, Bundle
from mezzetin.data.dataset import Dataset
from mezzetin.errors import RecipeError
from mezzetin.matching import PREFIX as MATCHING
from mezzetin.novelty import PREFIX as NOVELTY
from mezzetin.storage.files import file_sha256, write_atomically
from mezzetin.storage.paths import Place, writing
from mezzetin.training.allocator import keep_freed_memory
from mezzetin.training.assembly import assemble, relabelled, says_the_same
from mezzetin.training.corpus import build_corpus
from mezzetin.training.curves import draw_curves
from mezzetin.training.decoders import DECODERS
from mezzetin.training.encoders import build_encoder, bundle_named, encoder_of
from mezzetin.training.glove import give_words, with_width_of, word_vectors
from mezzetin.training.loop import Judged, Run, Stage
from mezzetin.training.model import CaptionModel, step_seed
from mezzetin.training.onwards import fitted, mix, widened
from mezzetin.training.pictures import Pictures, Report, cached_features, cached_pixels
from mezzetin.training.ranks import ALONE, Ranks
from mezzetin.training.recipe import DecoderRecipe, EncoderRecipe, Recipe, StageRecipe, WordsRecipe, learning_part
from mezzetin.vocabulary import Vocabulary


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


def fingerprint(recipe: Recipe) -> str:
    """A digest of all that a recipe and the files that it names put into the weights."""
    parts = [learning_part(_recorded(recipe, None)), _file_digests(recipe, None)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def is_result_of(bundle: Bundle, dataset: Dataset, recipe: Recipe, start: Bundle | None) -> bool:
    """Whether this is the bundle that the run would make."""
    if bundle.manifest["training"]["run"] != _identity(dataset, _recorded(recipe, start), start):
        return False
    told, files = bundle.manifest["provenance"], _file_digests(recipe, start)
    began = {"encoder_weights": told.get("encoder_weights"), "word_vectors": told.get("word_vectors", {}).get("sha256")}
    return says_the_same(bundle, recipe) and all(began[name] in (None, digest) for name, digest in files.items())


def train_stages(
    dataset: Dataset,
    folder: Path,
    recipe: Recipe,
    *,
    start: Bundle | None,
    report: Report,
    cache: Path | None = None,
    judged: Judged | None = None,
    ranks: Ranks = ALONE,
) -> Bundle:
    """Train the stages of `recipe` on the dataset's train split; return the last stage's bundle.

    `start` is a bundle to go on from: its encoder, decoder and words are kept and only the stages, data and
    decoding of the recipe count. `cache` and `judged` are for a run that is one of many, see `Run`.
    All `ranks` call this; rank 0 writes the folder.

    Raises:
        RecipeError: `folder` belongs to another run, or a file that the recipe names is missing.
        DatasetError: the dataset has nothing to learn from.
        EnvironmentProblem: the disk is full or read-only; what was finished is kept.

    """
    _steady_torch()
    if recipe.licence_file and not Path(recipe.licence_file).is_file():
        raise RecipeError(f"there is no licence file {recipe.licence_file}: mend licence_file in the recipe")
    recorded = _recorded(recipe, start)
    identity = _identity(dataset, recorded, start)
    files = ranks.led(lambda: _claim(folder, identity, _file_digests(recipe, start)))
    corpus = build_corpus(dataset, recipe.data, recipe.seed, _words(start, dataset, recipe))
    seed = step_seed("words", recipe.seed)
    vectors = word_vectors(corpus.vocabulary, corpus.counts(), recorded.words, seed, report)
    recorded = recorded.model_copy(update={"decoder": with_width_of(vectors, recorded.decoder)})
    model = _model(recipe, recorded.decoder, start, len(corpus.vocabulary))
    if vectors is not None:
        give_words(model.decoder, vectors, tuned=recorded.words.tuned)
    words = None if vectors is None else {"sha256": files["word_vectors"], **vectors.coverage}
    run = Run(recorded, corpus, folder, identity, report, files.get("encoder_weights"), words, cache, judged, ranks)
    run.start = start
    return [_stage(run, dataset, stage, model) for stage in recipe.stages][-1]


def _words(start: Bundle | None, dataset: Dataset, recipe: Recipe) -> Vocabulary | None:
    """The words of a start, with the new ones of the dataset where the recipe asks for them."""
    if start is None or recipe.onwards is None:
        return start.vocabulary if start else None
    return widened(start.vocabulary, dataset, recipe.onwards.new_words)


def _steady_torch() -> None:
    """The same numbers each time, in memory that is kept."""
    torch.use_deterministic_algorithms(True)
    # It would also fill all memory before its first use, a tenth of a step; nothing here reads what it has not written.
    cast(Any, torch.utils.deterministic).fill_uninitialized_memory = False
    keep_freed_memory()


def remove_scratch(folder: Path) -> None:
    """Remove checkpoints and caches, once the result is safe."""
    for scratch in ("checkpoints", "cache"):
        shutil.rmtree(folder / scratch, ignore_errors=True)


def _stage(run: Run, dataset: Dataset, stage: StageRecipe, model: CaptionModel) -> Bundle:
    place, ranks = run.folder / "stages" / stage.name, run.ranks
    # Ranks of unlike processors begin alike, and go on from what rank 0 has read or rounded in the stage before.
    ranks.equalise(model)
    bundle = ranks.led(lambda: _finished(run, place, model))
    if bundle is not None:
        return bundle
    with closing(ranks.in_turn(lambda: _pictures(run, dataset, stage, model))) as pictures:
        Stage(run, stage, model, pictures).train()
        onwards = run.recipe.onwards
        if run.start is not None and onwards is not None and stage is run.recipe.stages[-1]:
            mix(model, _tensors(run.start), onwards.share)
        return ranks.led(lambda: _sealed(run, dataset, model, pictures, place))


def _finished(run: Run, place: Path, model: CaptionModel) -> Bundle | None:
    if not (place / MANIFEST).exists():
        return None
    bundle = Bundle.open(place)
    _load(model, bundle)
    return relabelled(bundle, run.recipe)


def _sealed(run: Run, dataset: Dataset, model: CaptionModel, pictures: Pictures, place: Path) -> Bundle:
    with writing(run.folder):
        draw_curves(run.folder / "metrics.jsonl", run.folder / "curves.svg")
    return assemble(run, dataset, model, pictures, place, place.name)


def _pictures(run: Run, dataset: Dataset, stage: StageRecipe, model: CaptionModel) -> Pictures:
    keys, folder = [*run.corpus.keys, *run.corpus.held_keys], _cache(run, stage)
    # Room for all pictures, so that runs on a share of them can go on with the same file.
    more: dict[str, Any] = {"room": dataset.count("train"), "report": run.report, "ranks": run.ranks}
    with writing(folder):
        if stage.encoder == "frozen":
            return cached_features(dataset, keys, model.encoder, folder, mirror=stage.mirror, **more)
        return cached_pixels(dataset, keys, model.encoder, folder, crop=stage.crop, light=stage.light, **more)


def _cache(run: Run, stage: StageRecipe) -> Path:
    """Where a stage's features or pixels lie: features of an encoder that this run has changed are nobody else's."""
    earlier = run.recipe.stages[: run.recipe.stages.index(stage)]
    own = stage.encoder == "frozen" and any(before.encoder == "fine-tuned" for before in earlier)
    return run.folder / "cache" if run.cache is None or own else run.cache


def _recorded(recipe: Recipe, start: Bundle | None) -> Recipe:
    """The recipe as a bundle keeps it: what comes from another bundle is told by content, not by where that lies."""
    source = bundle_named(recipe.encoder.name) if start is None else start
    if source is None:
        return recipe
    kept: dict[str, Any] = {"encoder": EncoderRecipe(name=f"bundle:{source.digest[:12]}")}
    if start is not None:
        decoder = DecoderRecipe(**start.manifest["training"]["recipe"]["decoder"])
        kept |= {"decoder": decoder, "words": WordsRecipe()}
    return recipe.model_copy(update=kept)


def _model(recipe: Recipe, own: DecoderRecipe, start: Bundle | None, words: int) -> CaptionModel:
    torch.manual_seed(step_seed("weights", recipe.seed))
    encoder = build_encoder(recipe.encoder) if start is None else encoder_of(start)
    decoder = DECODERS[own.kind](own, words, encoder.spec.channels, encoder.spec.positions)
    model = CaptionModel(encoder, decoder)
    if start is not None:
        model.load_state_dict(fitted(_tensors(start), model, recipe.seed))
    return model


def _load(model: CaptionModel, bundle: Bundle) -> None:
    model.load_state_dict(_tensors(bundle))


def _tensors(bundle: Bundle) -> dict[str, Tensor]:
    """The weights of encoder and decoder that a bundle holds."""
    tensors = load_file(bundle.folder / WEIGHTS)
    return {n: t.float() for n, t in tensors.items() if not n.startswith((NOVELTY, MATCHING))}


def _identity(dataset: Dataset, recipe: Recipe, start: Bundle | None) -> str:
    """What makes a run this run and no other: all that decides the weights."""
    parts = [learning_part(recipe), dataset.digest, start.digest if start else None]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _file_digests(recipe: Recipe, start: Bundle | None) -> dict[str, str]:
    """The sha256 of the files that weights begin with, without those that are no longer there to compare."""
    named = {"encoder_weights": recipe.encoder.weights, "word_vectors": recipe.words.glove} if start is None else {}
    return {name: file_sha256(Path(path)) for name, path in named.items() if path and Path(path).is_file()}


def _claim(folder: Path, identity: str, files: dict[str, str]) -> dict[str, str]:
    """Make the folder this run's; return the digests of its first files, if this call or the first knew them."""
    note = folder / "run.json"
    with writing(folder):
        told = _told(note) if note.exists() else {"run": identity}
        if told.get("run") != identity or any(told.get(name) not in (None, digest) for name, digest in files.items()):
            raise RecipeError(
                f"{folder} belongs to another run (the recipe, its files or the dataset changed): "
                "remove it or name another bundle"
            )
        folder.mkdir(parents=True, exist_ok=True)
        known = {name: digest for name, digest in told.items() if name != "run" and digest} | files
        write_atomically(note, json.dumps({"run": identity, **known}).encode())
    return known


def _told(note: Path) -> dict[str, str | None]:
    try:
        return dict(json.loads(note.read_bytes()))
    except (ValueError, TypeError):
        return {}
