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
from torch import Tensor

import mezzetin
from mezzetin.bundle import MANIFEST, Bundle, image_keys, seal
from mezzetin.data.dataset import Dataset
from mezzetin.errors import EnvironmentProblem
from mezzetin.novelty import FeatureSpace, fit_feature_space
from mezzetin.storage.manifest import write_atomically
from mezzetin.training.export import export_graphs, round_weights
from mezzetin.training.loop import Run
from mezzetin.training.model import CaptionModel
from mezzetin.training.pictures import Pictures

GISTS = 2000
"""Training pictures that the feature space is fitted to: enough for 64 directions."""


def assemble(run: Run, dataset: Dataset, model: CaptionModel, pictures: Pictures, folder: Path, stage: str) -> Bundle:
    """Write the model as a bundle to `folder`; its weights are rounded to half precision in place.

    Raises:
        EnvironmentProblem: the folder can't be written.

    """
    round_weights(model)
    space = _feature_space(run, pictures)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        export_graphs(model, folder, space.tensors())
        write_atomically(folder / "vocabulary.json", run.corpus.vocabulary.to_json())
        seen = np.unique(image_keys([*run.corpus.keys, *run.corpus.held_keys]))
        np.save(folder / "training_images.npy", seen, allow_pickle=False)
        write_atomically(folder / "card.md", f"# {run.recipe.name}\n".encode())
        if run.recipe.licence_file is not None:
            write_atomically(folder / "LICENSE.md", Path(run.recipe.licence_file).read_bytes())
        return seal(folder, _content(run, dataset, model, space, stage))
    except OSError as error:
        raise EnvironmentProblem(
            f"the bundle can't be written to {folder} ({error.strerror or error}): make room there and run again"
        ) from error


def _content(run: Run, dataset: Dataset, model: CaptionModel, space: FeatureSpace, stage: str) -> dict[str, Any]:
    recipe = run.recipe
    plain = recipe.model_dump(mode="json", exclude={"encoder": {"weights"}, "licence_file": True})
    return {
        "name": recipe.name,
        "model_version": recipe.version,
        "language": dataset.manifest.language,
        "licence": recipe.licence,
        "encoder": {**model.encoder.spec.to_json(), "folded": model.encoder.folded},
        "decoder": {"start_state": list(model.decoder.start_shape)},
        "vocabulary": {"words": len(run.corpus.vocabulary), "tokeniser": run.corpus.vocabulary.tokeniser},
        "decoding": recipe.decoding.model_dump(),
        "novelty": space.numbers(),
        "training": {
            "run": run.identity,
            "stage": stage,
            "recipe": plain,
            "dataset": dataset.digest,
            "dataset_licence": dataset.manifest.licence,
            "images": len(run.corpus.keys),
            "held_out_images": len(run.corpus.held_keys),
        },
        "provenance": {
            "mezzetin": mezzetin.__version__,
            "torch": torch.__version__,
            "machine": platform.machine(),
            "dataset": str(dataset.folder),
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
