"""A sweep and a learning curve as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mezzetin.storage.paths import writing
from mezzetin.training.ranges import Range
from mezzetin.training.sweep.trial import Trial, best_first

BLUE, BROWN, GREY = "#1d4e89", "#8a3b12", "#9a9a9a"
COLUMNS = 3


def draw_sweep(
    trials: list[Trial], ranges: Mapping[str, Range], importances: Mapping[str, float], method: str, target: Path
) -> None:
    """Draw what mattered, and each trial's score against each of its values."""
    keys = [*importances, *(key for key in ranges if key not in importances)]
    panels = len(keys) + 1
    columns, rows = min(panels, COLUMNS), -(-panels // COLUMNS)
    with _svg(target, width=3.6 * columns, height=2.9 * rows) as figure:
        _bars(figure.add_subplot(rows, columns, 1), importances, method)
        for place, key in enumerate(keys, start=2):
            _scatter(figure.add_subplot(rows, columns, place), trials, key, ranges[key])
        figure.legend(*figure.axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)


def draw_curve(trials: list[Trial], target: Path) -> None:
    """Draw the score against the number of pictures that were learned from, on a logarithmic axis."""
    points = sorted((trial.pictures or 0, trial.score or 0.0) for trial in best_first(trials))
    with _svg(target, width=6, height=3.8) as figure:
        axes = figure.add_subplot()
        axes.plot(*zip(*points, strict=True) if points else ([], []), color=BLUE, marker="o")
        for pictures, score in points:
            axes.annotate(f"{score:.3f}", (pictures, score), (0, 7), textcoords="offset points", ha="center")
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks([pictures for pictures, _ in points], [f"{pictures:,}" for pictures, _ in points])
        axes.margins(x=0.1, y=0.2)
        axes.set(xlabel="pictures learned from", ylabel="held-out CIDEr-D, greedy")
        axes.grid(alpha=0.3)


@contextmanager
def _svg(target: Path, *, width: float, height: float) -> Iterator[Figure]:
    # Text stays text, and without a date the same trials draw the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "mezzetin", "font.size": 9}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with writing(target):
            figure.savefig(target, format="svg", metadata={"Date": None})


def _bars(axes: Axes, importances: Mapping[str, float], method: str) -> None:
    axes.set_title("what mattered")
    if not importances:
        axes.text(0.5, 0.5, "nothing to be told yet", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    keys = list(importances)[::-1]
    axes.barh([_short(key) for key in keys], [importances[key] for key in keys], color=BROWN)
    axes.set(xlabel=f"share of the variation ({method})", xlim=(0, 1))


def _scatter(axes: Axes, trials: list[Trial], key: str, found: Range) -> None:
    """One dot a trial; choices stand side by side, whatever they are."""
    places: dict[Any, int] = {choice: place for place, choice in enumerate(found.choices)}
    best = best_first(trials)[:1]
    complete = [trial for trial in best_first(trials) if trial not in best]
    pruned = [trial for trial in trials if trial.state == "pruned"]
    for chosen, colour, label in ((pruned, GREY, "pruned"), (complete, BLUE, "complete"), (best, BROWN, "best")):
        seen = [(places.get(t.values[key], t.values[key]), t.score) for t in chosen if t.score is not None]
        if seen:
            axes.scatter([x for x, _ in seen], [score for _, score in seen], s=22, color=colour, label=label)
    if places:
        axes.set_xticks(list(places.values()), [str(choice) for choice in places])
        axes.set_xlim(-0.5, len(places) - 0.5)
    else:
        low, high = found.ends()
        axes.set_xscale("log" if found.log else "linear")
        # Where both ends are the same there must be some room, too.
        margin = (high / low) ** 0.05 * 1.01 if found.log else (high - low) * 0.05 or 0.5
        if not found.log and isinstance(low, int) and isinstance(high, int):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim((low / margin, high * margin) if found.log else (low - margin, high + margin))
    axes.set(xlabel=_short(key), ylabel="held-out CIDEr-D")
    axes.grid(alpha=0.3)


def _short(key: str) -> str:
    """A key without `stages.`: the stage's name says enough."""
    return key.removeprefix("stages.")
