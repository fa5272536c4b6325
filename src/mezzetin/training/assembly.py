"""A trained model becomes a bundle: graphs, weights, words, digests, card; sealed by its manifest.

Enters: a model, its recipe and corpus. Leaves: a verified `Bundle`, whose digest depends on the content alone.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

import mezzetin
from mezzetin.bundle import MANIFEST, Bundle, image_keys, reseal, seal
from mezzetin.data.dataset import Dataset
from mezzetin.errors import EnvironmentProblem
from mezzetin.novelty import FeatureSpace, fit_feature_space
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing
from mezzetin.training.commit import commit_of
from mezzetin.training.export import export_graphs, round_weights
from mezzetin.training.loop import Run
from mezzetin.training.matching import learn_matching
from mezzetin.training.model import CaptionModel
from mezzetin.training.onwards import matching_of
from mezzetin.training.pictures import Pictures
from mezzetin.training.recipe import Recipe

TERMS = "LICENSE.md"
GISTS = 2000
"""Training pictures that the feature space is fitted to: enough for 64 directions."""


def assemble(run: Run, dataset: Dataset, model: CaptionModel, pictures: Pictures, folder: Path, stage: str) -> Bundle:
    """Write the model as a bundle to `folder`; its weights are rounded to half precision in place.

    Raises:
        EnvironmentProblem: the folder can't be written.

    """
    round_weights(model)
    space = _feature_space(run, pictures)
    extra = space.tensors()
    last = run.recipe.stages[-1]
    if run.recipe.matching is not None and stage == last.name:
        extra |= learn_matching(run, run.recipe.matching, pictures, mirror=last.mirror).tensors()
    elif run.start is not None and run.recipe.onwards is not None:
        extra |= matching_of(run.start, len(run.corpus.vocabulary))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        export_graphs(model, folder, extra)
        write_atomically(folder / "vocabulary.json", run.corpus.vocabulary.to_json())
        seen = np.unique(image_keys([*run.corpus.keys, *run.corpus.held_keys]))
        np.save(folder / "training_images.npy", seen, allow_pickle=False)
        write_atomically(folder / "card.md", f"# {run.recipe.name}\n".encode())
        _write_terms(folder, run.recipe)
        return seal(folder, _content(run, dataset, model, space, stage))
    except (OSError, SafetensorError) as error:
        raise EnvironmentProblem(
            f"the bundle can't be written to {folder} ({error}): make room there and run the same command again"
        ) from error


def relabelled(bundle: Bundle, recipe: Recipe) -> Bundle:
    """A stage's bundle from an earlier call under what the recipe says now: names, licence, card and decoding.

    Raises:
        EnvironmentProblem: the folder can't be written.

    """
    training = {**bundle.manifest["training"], "recipe": _plain(recipe)}
    content = {**bundle.manifest, **_labels(recipe), "training": training}
    place = bundle.folder / TERMS
    if content == bundle.manifest and _terms(recipe) == (place.read_bytes() if place.exists() else None):
        return bundle
    with writing(bundle.folder):
        _write_terms(bundle.folder, recipe)
        return reseal(bundle.folder, content)


def says_the_same(bundle: Bundle, recipe: Recipe) -> bool:
    """Whether a bundle has the names, licence, card and decoding of this recipe."""
    content = {**bundle.manifest, **_labels(recipe)}
    return content == bundle.manifest and bundle.manifest["training"]["recipe"]["card"] == recipe.card.model_dump()


def _labels(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "model_version": recipe.version,
        "licence": recipe.licence,
        "decoding": recipe.decoding.model_dump(),
    }


def _plain(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude={"encoder": {"weights"}, "words": {"glove"}, "licence_file": True})


def _terms(recipe: Recipe) -> bytes | None:
    return Path(recipe.licence_file).read_bytes() if recipe.licence_file else None


def _write_terms(folder: Path, recipe: Recipe) -> None:
    terms = _terms(recipe)
    if terms is None:
        (folder / TERMS).unlink(missing_ok=True)
    else:
        write_atomically(folder / TERMS, terms)


def _content(run: Run, dataset: Dataset, model: CaptionModel, space: FeatureSpace, stage: str) -> dict[str, Any]:
    return {
        **_labels(run.recipe),
        "language": dataset.manifest.language,
        "encoder": {**model.encoder.spec.to_json(), "folded": model.encoder.folded},
        "decoder": model.decoder_facts(),
        "vocabulary": {"words": len(run.corpus.vocabulary), "tokeniser": run.corpus.vocabulary.tokeniser},
        "novelty": space.numbers(),
        "training": {
            "run": run.identity,
            "stage": stage,
            "recipe": _plain(run.recipe),
            "dataset": dataset.digest,
            "dataset_licence": dataset.manifest.licence,
            "images": len(run.corpus.keys),
            "held_out_images": len(run.corpus.held_keys),
        },
        "provenance": {
            "mezzetin": mezzetin.__version__,
            "torch": torch.__version__,
            "machine": platform.machine(),
            "dataset": dataset.folder.name,
            "delta": dataset.manifest.provenance.get("delta"),
            "encoder_weights": run.weights,
            "commit": commit_of(Path()),
            **({"word_vectors": run.word_vectors} if run.word_vectors else {}),
        },
    }


def _feature_space(run: Run, pictures: Pictures) -> FeatureSpace:
    corpus = run.corpus
    spread = np.linspace(0, len(corpus.keys) - 1, min(GISTS, len(corpus.keys))).astype(int)
    training = _gists(pictures, [corpus.keys[number] for number in spread])
    return fit_feature_space(training, _gists(pictures, corpus.held_keys))


def _gists(pictures: Pictures, keys: list[str]) -> NDArray[np.float32]:
    @torch.inference_mode()
    def blocks() -> Iterator[Tensor]:
        for start in range(0, len(keys), 50):
            yield pictures.plain(keys[start : start + 50]).float().mean(1)

    gists: NDArray[np.float32] = torch.cat(list(blocks())).numpy()
    return gists
