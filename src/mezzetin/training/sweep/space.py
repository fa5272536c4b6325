"""Where a sweep looks: the recipe's own ranges, or what one would try first, in Optuna's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from mezzetin.errors import RecipeError
from mezzetin.training.ranges import Range, is_whole, value_of, with_values
from mezzetin.training.recipe import Recipe


def ranges_of(recipe: Recipe) -> dict[str, Range]:
    """What the recipe's table `[sweep]` names, or, when it names nothing, ranges around its own values.

    Raises:
        RecipeError: it names nothing, and has no stage of cross-entropy either.

    """
    return dict(recipe.sweep) or _usual(recipe)


def _usual(recipe: Recipe) -> dict[str, Range]:
    """Epochs, batch size and learning rate of the last stage of cross-entropy; layers, width, dropout."""
    stage = next((stage for stage in reversed(recipe.stages) if stage.objective == "cross-entropy"), None)
    if stage is None:
        raise RecipeError(
            f"recipe {recipe.name!r} has no stage of cross-entropy: name what to try in its table [sweep]"
        )
    place, own = f"stages.{stage.name}", recipe.decoder
    wanted = {
        f"{place}.epochs": Range(low=max(stage.epochs // 2, 1), high=stage.epochs * 2),
        f"{place}.batch_images": _doubled(stage.batch_images),
        f"{place}.learning_rate": Range(low=stage.learning_rate / 5, high=stage.learning_rate * 5, log=True),
        "decoder.layers": Range(low=1, high=own.layers + 1),
        "decoder.width": _doubled(own.width),
        "decoder.dropout": Range(low=max(own.dropout - 0.3, 0.0), high=min(own.dropout + 0.3, 0.7)),
    }
    if recipe.decoder.kind == "attention":
        del wanted["decoder.layers"]
    if recipe.decoder.kind == "transformer" and recipe.words.glove:
        # It reads words at its width, which is that of the vectors.
        del wanted["decoder.width"]
    return {key: _accepted(recipe, key, found) for key, found in wanted.items()}


def _doubled(own: int) -> Range:
    return Range(choices=tuple(value for value in (own // 2, own, own * 2) if value))


def _accepted(recipe: Recipe, key: str, found: Range) -> Range:
    """A range of choices without those that the recipe refuses."""
    return Range(choices=tuple(v for v in found.choices if _accepts(recipe, key, v))) if found.choices else found


def _accepts(recipe: Recipe, key: str, value: Any) -> bool:
    try:
        with_values(recipe, {key: value})
    except RecipeError:
        return False
    return True


def distributions(recipe: Recipe, ranges: Mapping[str, Range]) -> dict[str, BaseDistribution]:
    """The ranges as Optuna's distributions."""
    return {key: _distribution(found, whole=is_whole(recipe, key, found)) for key, found in ranges.items()}


def _distribution(found: Range, *, whole: bool) -> BaseDistribution:
    if found.choices:
        return CategoricalDistribution(found.choices)
    low, high = found.ends()
    if not whole:
        return FloatDistribution(low, high, log=found.log)
    # Its last step ends in `high`.
    return IntDistribution(int(low), int(high - (high - low) % found.step), log=found.log, step=found.step)


def own_values(recipe: Recipe, ranges: Mapping[str, Range]) -> dict[str, Any] | None:
    """The recipe's own values under these keys, or None if one of them lies outside its range."""
    own = {key: value_of(recipe, key) for key in ranges}
    inside = all(found.holds(own[key], whole=is_whole(recipe, key, found)) for key, found in ranges.items())
    return own if inside else None
