"""What a sweep tries: ranges of a recipe's values under dotted keys such as `stages.captions.learning_rate`.

Enters: the table `[sweep]` of a recipe, and a recipe as plain values. Leaves: `Range`s, and the plain values with
others put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from pydantic import Field, model_validator

from mezzetin.config import Model, Settings, parse
from mezzetin.errors import RecipeError

Value = bool | int | float | str
MANY = 1000
"""Whole numbers of a range that are all tried on the recipe beforehand; of more only the lowest and the highest."""


class Range(Settings):
    """The values that one key of a recipe may have: `choices`, or everything from `low` to `high`."""

    low: int | float | None = Field(None, allow_inf_nan=False)
    high: int | float | None = Field(None, allow_inf_nan=False)
    log: bool = Field(False, description="small values are tried as often as large ones")
    step: int = Field(1, ge=1, description="between whole numbers")
    choices: tuple[Value, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Range:
        spanned = self.low is not None and self.high is not None
        if self.choices and self.model_fields_set - {"choices"}:
            raise ValueError("give choices, or low and high, not both")
        if not self.choices and not spanned:
            raise ValueError("give choices, or low and high")
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("choices has a value twice")
        if self.low is not None and self.high is not None:
            if self.low > self.high:
                raise ValueError(f"low {self.low:g} is above high {self.high:g}")
            if self.log and self.low <= 0:
                raise ValueError(f"log needs a low above 0, which {self.low:g} is not")
        if self.log and self.step != 1:
            raise ValueError("log and step exclude each other")
        return self

    def ends(self) -> tuple[float, float]:
        """Lowest and highest value; not for `choices`."""
        assert self.low is not None and self.high is not None  # noqa: S101 - the validator has seen to it
        return self.low, self.high

    def tried(self, *, whole: bool) -> list[Value]:
        """The values that the recipe has to accept; `whole` says that it takes whole numbers there."""
        if self.choices:
            return list(self.choices)
        low, high = self.ends()
        if not whole or low != int(low) or high != int(high) or (high - low) // self.step >= MANY:
            return [low, high]
        return list(range(int(low), int(high) + 1, self.step))

    def holds(self, value: Any, *, whole: bool) -> bool:
        """Whether a value lies within."""
        if self.choices:
            return value in self.choices
        low, high = self.ends()
        return isinstance(value, int | float) and low <= value <= high and (not whole or (value - low) % self.step == 0)


def read_ranges(given: Any) -> Any:
    """The table `[sweep]` as ranges by dotted key; what is no table is left for the model to refuse.

    Raises:
        ValueError: a range is wrong, or two spellings name the same key.

    """
    if not isinstance(given, dict):
        return given
    found: dict[str, Range] = {}
    for key, table in _leaves(given, ""):
        if key in found:
            raise ValueError(f"{key} is there twice")
        found[key] = table if isinstance(table, Range) else _parsed(key, table)
    return found


def _leaves(tables: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """`"decoder.width" = {…}` and `[sweep.decoder] width = {…}` alike: keys with dots and what they hold."""
    for name, held in tables.items():
        if isinstance(held, dict) and held and all(isinstance(inner, dict) for inner in held.values()):
            yield from _leaves(held, f"{above}{name}.")
        else:
            yield f"{above}{name}", held


def _parsed(key: str, table: Any) -> Range:
    if not isinstance(table, dict):
        raise ValueError(f"{key} should be a table, such as {{ low = 1, high = 4 }} or {{ choices = [1, 2] }}")
    try:
        return parse(Range, table, key)
    except RecipeError as error:
        raise ValueError(str(error)) from error


def changed(plain: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's plain values with others under dotted keys; a stage is found by its name.

    Raises:
        ValueError: a key leads nowhere.

    """
    result = deepcopy(dict(plain))
    for key, value in values.items():
        *tables, last = key.split(".")
        place: Any = result
        for name in tables:
            place = _inside(place, name, key)
        if isinstance(place, list):
            raise ValueError(f"{key}: name a key of one stage, such as stages.{_names(place)[0]}.epochs")
        if not isinstance(place, dict):
            raise ValueError(f"{key}: nothing is below a plain value")
        place[last] = value
    return result


def _inside(place: Any, name: str, key: str) -> Any:
    if isinstance(place, dict):
        return place.setdefault(name, {})
    if not isinstance(place, list):
        raise ValueError(f"{key}: nothing is below a plain value")
    found = next((stage for stage in place if stage["name"] == name), None)
    if found is None:
        raise ValueError(f"{key}: there is no stage {name!r}; there are {', '.join(_names(place))}")
    return found


def _names(stages: list[dict[str, Any]]) -> list[str]:
    return [str(stage["name"]) for stage in stages]


def said(recipe: Settings) -> dict[str, Any]:
    """A recipe as its file would say it: what is set and no defaults, and each stage."""
    stages = [stage.model_dump(exclude_unset=True) for stage in value_of(recipe, "stages")]
    return recipe.model_dump(exclude_unset=True) | {"stages": stages}


def with_values(recipe: Model, values: Mapping[str, Any]) -> Model:
    """A recipe with other values under dotted keys, and without its ranges.

    Raises:
        RecipeError: there is no such key, or the recipe refuses a value.

    """
    try:
        plain = changed(said(recipe), values)
    except ValueError as error:
        raise RecipeError(f"sweep: {error}") from error
    return parse(type(recipe), plain, "sweep")


def value_of(recipe: Settings, key: str) -> Any:
    """The value under a dotted key; None where there is none."""
    place: Any = recipe
    for name in key.split("."):
        if isinstance(place, tuple):
            place = next((stage for stage in place if stage.name == name), None)
        else:
            place = place.get(name) if isinstance(place, dict) else getattr(place, name, None)
    return place


def is_whole(recipe: Settings, key: str, found: Range) -> bool:
    """Whether a range is of whole numbers: the recipe's own value tells, or, where it has none, the range's ends."""
    own = value_of(recipe, key)
    ends = (found.low, found.high)
    return isinstance(own, int) if own is not None else all(isinstance(end, int) for end in ends)


def unfit(recipe: Settings, key: str, found: Range) -> str | None:
    """Why a recipe can't have the values of a range under a key; None where it can."""
    whole = is_whole(recipe, key, found)
    try:
        for value in found.tried(whole=whole):
            with_values(recipe, {key: value})
    except RecipeError as error:
        return str(error)
    return f"sweep: {key}: step is for whole numbers" if found.step != 1 and not whole else None
