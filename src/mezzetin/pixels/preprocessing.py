"""How a picture becomes an encoder's input: described once, in the bundle, and applied by `decode`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from mezzetin.errors import RecipeError

#: Our names of the interpolations, which are timm's, and libvips' names of the kernels. All but "nearest"
#: widen with the reduction, so that a reduced picture is free of aliasing.
KERNELS = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic", "lanczos": "lanczos3"}

_LARGEST_SIDE = 8192


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What `decode` does to a picture before an encoder sees it.

    `height` and `width` are the result's, in pixels. With `fit` "squash" the picture is stretched to them;
    with "crop" it is resized, its proportions kept, until it covers `height / crop_share` by
    `width / crop_share`, and the centre is cut out (`crop_share` is in 0..1, 1 by default, timm's
    `crop_pct`; "squash" ignores it). `interpolation` is one of "nearest", "bilinear", "bicubic", "lanczos".

    Raises:
        RecipeError: a value is out of range.

    """

    height: int
    width: int
    fit: Literal["squash", "crop"] = "squash"
    interpolation: str = "bicubic"
    crop_share: float = 1.0

    def __post_init__(self) -> None:
        for name, side in (("height", self.height), ("width", self.width)):
            if type(side) is not int or not 1 <= side <= _LARGEST_SIDE:
                raise RecipeError(f"preprocessing: {name} must be a whole number in 1..{_LARGEST_SIDE}")
        if self.fit not in ("squash", "crop"):
            raise RecipeError(f"preprocessing: fit must be 'squash' or 'crop', not {self.fit!r}")
        if self.interpolation not in KERNELS:
            raise RecipeError(
                f"preprocessing: interpolation must be one of {', '.join(KERNELS)}, not {self.interpolation!r}"
            )
        if type(self.crop_share) not in (int, float) or not 0.1 <= self.crop_share <= 1:
            raise RecipeError("preprocessing: crop_share must be a number in 0.1..1")

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a plain dict, ready for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Preprocessing:
        """Build from what `to_json` returned.

        Raises:
            RecipeError: a key is unknown or missing, or a value is out of range.

        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(plain) - known):
            raise RecipeError(f"preprocessing: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
        if missing := sorted({"height", "width"} - set(plain)):
            raise RecipeError(f"preprocessing: {missing[0]!r} is missing")
        return cls(**plain)
