"""The rules of a gate: `gate.toml` as a frozen, checked model."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from mezzetin.config import Settings, parse, read_toml
from mezzetin.metrics import METRICS

_KNOWN = (*METRICS, "METEOR")
_TO_TEN = "CIDEr-D"

Share = Annotated[float, Field(ge=0, le=1)]
Loss = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class FloorRules(Settings):
    """The least value of each metric, on the scale on which it is printed (BLEU 0..1, CIDEr-D 0..10).

    With `lower_bound` the low end of the 95 % interval must reach it, not only the value. In TOML, and where this is
    made by hand, the metrics are keys beside it: `FloorRules(**{"CIDEr-D": 0.5})`.
    """

    lower_bound: bool = False
    metrics: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        floors = {key: value for key, value in values.items() if key != "lower_bound"}
        for name, floor in floors.items():
            if name not in METRICS and name not in _KNOWN:
                near = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.4)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_KNOWN)}"
                raise ValueError(f"unknown metric {name!r}; {hint}")
            if isinstance(floor, bool) or not isinstance(floor, int | float) or not math.isfinite(floor):
                raise ValueError(f"the floor of {name} should be a number")
            most = 10 if name == _TO_TEN else 1
            if name in _KNOWN and floor > most:
                raise ValueError(f"the floor of {name} can't be reached: its scale is 0 to {most}, not {floor:g}")
        return {"lower_bound": values.get("lower_bound", False), "metrics": floors}


class SliceRules(Settings):
    """With `no_worse`, no slice's CIDEr-D may be significantly below the other model's by more than `tolerance`.

    `tolerances` are those of single slices, by name.
    """

    no_worse: bool = False
    tolerance: Loss = 0.0
    tolerances: dict[str, Loss] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_used(self) -> SliceRules:
        if not self.no_worse and (self.tolerance or self.tolerances):
            raise ValueError("a tolerance does nothing without no_worse = true")
        return self

    def allowed(self, name: str) -> float:
        """The loss of CIDEr-D that a slice may have."""
        return self.tolerances.get(name, self.tolerance)


class CalibrationRules(Settings):
    """The largest expected calibration error of the captions' confidence."""

    error: Share


class GateRules(Settings):
    """All rules of a gate; what is left out is not asked. `truth` are the largest shares of errors, by name."""

    floors: FloorRules = FloorRules()
    slices: SliceRules = SliceRules()
    calibration: CalibrationRules | None = None
    truth: dict[str, Share] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _asks_something(self) -> GateRules:
        if not (self.floors.metrics or self.slices.no_worse or self.calibration or self.truth):
            raise ValueError("there is no rule in it: add [floors], [slices], [calibration] or [truth]")
        return self


def read_gate(path: str | Path) -> GateRules:
    """Read the rules of a TOML file.

    Raises:
        RecipeError: there is no such file, it is no TOML, or a key or a value is wrong.

    """
    return parse(GateRules, read_toml(Path(path)), str(path))
