"""What is known of a trial: a training with values of its own, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["complete", "pruned", "failed", "unfinished"]


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial; `score` is its best held-out CIDEr-D (0..10), of a pruned one so far as it came.

    `values` are the recipe's under their dotted keys, `reason` says why a trial failed, `seconds` are those of its
    epochs, `pictures` those that it learned from, where it came so far.
    """

    number: int
    state: State
    score: float | None
    values: Mapping[str, Any]
    epochs: int = 0
    seconds: float = 0.0
    pictures: int | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return asdict(self)


def best_first(trials: Iterable[Trial]) -> list[Trial]:
    """The complete trials, best score first; of equal ones the earlier."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.score is not None]
    return sorted(complete, key=lambda trial: (-(trial.score or 0), trial.number))
