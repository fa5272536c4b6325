"""The loss and the held-out CIDEr-D of a run as a picture."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure


def draw_curves(metrics: Path, target: Path) -> None:
    """Draw `metrics.jsonl` as an SVG: loss falling on the left axis, CIDEr-D rising on the right."""
    lines = [json.loads(text) for text in metrics.read_text().splitlines()]
    loss = [line.get("loss", math.nan) for line in lines]
    reward = [line.get("reward", math.nan) for line in lines]
    epochs = range(1, len(lines) + 1)
    # Text stays text, and without a date the same run draws the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "mezzetin"}):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        left = figure.add_subplot()
        right = left.twinx()
        left.plot(epochs, loss, color="#8a3b12", marker=".", label="training loss")
        right.plot(
            epochs,
            [line["held_out_cider"] for line in lines],
            color="#1d4e89",
            marker="o",
            label="held-out CIDEr-D, greedy",
        )
        if any("reward" in line for line in lines):
            right.plot(epochs, reward, color="#1d4e89", linestyle="--", label="CIDEr-D of samples")
        for number, (before, after) in enumerate(pairwise(lines), start=1):
            if before["stage"] != after["stage"]:
                left.axvline(number + 0.5, color="grey", linestyle=":")
        left.set(xlabel="epoch", ylabel="loss (nats a word)")
        right.set_ylabel("CIDEr-D")
        right.set_ylim(bottom=0)
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
        figure.savefig(target, format="svg", metadata={"Date": None})
