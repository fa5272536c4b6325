"""Packing: a bundle as a folder that MLflow can load, and what MLflow is told about it. Nothing in it is pickled.

Enters: a bundle. Leaves: MLflow's model folder, whose code is a file of three lines and whose artefact is the bundle,
unchanged; parameters, metrics and tags.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mezzetin
from mezzetin.bundle import MANIFEST, Bundle
from mezzetin.storage.paths import writing

DIGEST, COMPLETE = "mezzetin_digest", "mezzetin_complete"
"""Tags of a version; Unity Catalog takes no dots in them."""
INSIDE = "artifacts/bundle"
"""Where in MLflow's folder the bundle lies."""
_CODE = """\
from mezzetin.serving.pyfunc import captioning_model
from mlflow.models import set_model

set_model(captioning_model())
"""
_LONGEST = 500


def pack(bundle: Bundle, scratch: Path) -> Path:
    """Write MLflow's folder for a bundle below `scratch`; OSError where that fails."""
    from mlflow.pyfunc import save_model

    copy, code, target = scratch / "bundle", scratch / "captioner.py", scratch / "model"
    with writing(scratch):
        # What else lies in the folder is no part of the bundle.
        for name in [*(entry["name"] for entry in bundle.manifest["files"]), MANIFEST]:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.folder / name, copy / name)
        code.write_text(_CODE, encoding="utf-8")
    save_model(
        path=str(target),
        python_model=str(code),
        artifacts={"bundle": str(copy)},
        signature=_signature(),
        # The base of the package alone: neither torch nor the tools of training.
        pip_requirements=[f"mezzetin=={mezzetin.__version__}"],
        metadata={"mezzetin_digest": bundle.digest},
    )
    return target


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    text, number = DataType.string, DataType.double
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.binary, "image", required=False),
        ColSpec(text, "uri", required=False),
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(text, "caption", required=False),
        ColSpec(number, "confidence", required=False),
        ColSpec(number, "unlike_training", required=False),
        ColSpec(text, "error", required=False),
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def parameters(bundle: Bundle) -> dict[str, str]:
    """The recipe and the decoding, flat: `recipe.decoder.width`, `decoding.beam`."""
    recipe = bundle.manifest.get("training", {}).get("recipe", {})
    plain = {key: value for key, value in recipe.items() if key not in ("card", "decoding")}
    return shown_parameters({"recipe": plain, "decoding": bundle.manifest["decoding"]})


def shown_parameters(nested: Mapping[str, Any]) -> dict[str, str]:
    """Nested values under names with dots, as MLflow shows parameters, none longer than it takes."""
    return {name: value[:_LONGEST] for key, inner in nested.items() for name, value in _flat(inner, key)}


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}")
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{name}.{number}")
    else:
        yield name, str(value)


def metrics(scores: Mapping[str, Any]) -> dict[str, float]:
    """Each score of `scores.json` with the ends of its interval, `CIDEr-D`, `CIDEr-D.low`, `CIDEr-D.high`."""
    found: dict[str, float] = {}
    for score in scores.get("scores", []):
        found[score["name"]] = float(score["value"])
        found |= {f"{score['name']}.{end}": float(score[end]) for end in ("low", "high")}
    return found


def tags(bundle: Bundle) -> dict[str, str]:
    """What a version is found and understood by; what the bundle does not know is left out."""
    training, provenance = bundle.manifest.get("training", {}), bundle.manifest.get("provenance", {})
    known = {
        DIGEST: bundle.digest,
        "mezzetin_model": f"{bundle.info.name} {bundle.info.version}",
        "mezzetin_language": bundle.language,
        "mezzetin_licence": bundle.info.licence,
        "mezzetin_dataset": training.get("dataset"),
        "mezzetin_commit": provenance.get("commit"),
        "mezzetin_version": provenance.get("mezzetin"),
    }
    return {key: str(value) for key, value in known.items() if value}


def card(bundle: Bundle) -> str:
    """The model's card as Markdown, as long as registries take it."""
    path = bundle.folder / "card.md"
    return path.read_text(encoding="utf-8")[:4500] if path.is_file() else ""
