"""One stage of training: epochs of its objective, held-out CIDEr-D after each, checkpoints, early stopping.

Enters: a model, a corpus, pictures. Leaves: the model holding the averaged weights of its best epoch, a line an
epoch in `metrics.jsonl`. Killed at any moment and called again, it ends bit for bit where it would have ended.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mezzetin.bundle import Bundle
from mezzetin.decoding.beam import DecodingOptions
from mezzetin.errors import RecipeError
from mezzetin.metrics.cider import CiderD
from mezzetin.records import Progress
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing
from mezzetin.training.batches import Batch, epoch_batches, steps_per_epoch
from mezzetin.training.checkpoint import Position, load_checkpoint, save_checkpoint
from mezzetin.training.corpus import Corpus
from mezzetin.training.model import CaptionModel
from mezzetin.training.objectives import Diverged, Objective
from mezzetin.training.pictures import Pictures, Report
from mezzetin.training.ranks import ALONE, Ranks
from mezzetin.training.recipe import Recipe, StageRecipe

SECONDS_BETWEEN_CHECKPOINTS = 120
HELD_AT_ONCE = 50
Judged = Callable[[str, int, float], None]


@dataclass
class Run:
    """What a stage needs beside its model: where, from what, how, and whom to tell.

    `weights` is the sha256 of the file that the encoder began with, if there was one; `word_vectors` what the bundle
    tells of the file that the words began with. `cache` is a folder of features and pixels that runs share; `judged`
    hears each epoch's held-out CIDEr-D before a checkpoint keeps it, after a kill once more, and may end the run by
    what it raises. `start` is the bundle that training goes on from.
    """

    recipe: Recipe
    corpus: Corpus
    folder: Path
    identity: str
    report: Report
    weights: str | None = None
    word_vectors: dict[str, Any] | None = None
    cache: Path | None = None
    judged: Judged | None = None
    ranks: Ranks = ALONE
    start: Bundle | None = None


class Stage:
    """A stage in progress."""

    def __init__(self, run: Run, stage: StageRecipe, model: CaptionModel, pictures: Pictures) -> None:
        self.run, self.stage, self.model, self.pictures = run, stage, model, pictures
        model.encoder.requires_grad_(stage.encoder == "fine-tuned")
        _keep(model.encoder.trunk, stage.kept)
        self.weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.average = {name: p.detach().clone() for name, p in self.weights.items()}
        self.best = {name: p.detach().clone() for name, p in self.weights.items()}
        self.optimiser = torch.optim.AdamW(_groups(self.weights, stage), betas=(0.9, 0.98))
        self.highest = [float(group["lr"]) for group in self.optimiser.param_groups]
        self.checkpoints = run.folder / "checkpoints" / stage.name
        self.position = Position(run=run.identity)
        self.per_epoch = steps_per_epoch(run.corpus, stage)
        self.saved = time.monotonic()
        # Whether weights, averages and moments are those after `position.step` steps and no judgement is due: only
        # then does a run that goes on from them end like one that was never stopped.
        self.whole = True
        self.cider = CiderD(run.corpus.held_references)
        self.objective = Objective(stage, run.corpus, model.decoder, run.ranks)
        self.figure = self.objective.figure

    def train(self) -> Position:
        """Train to the end, from the newest checkpoint if there is one.

        Raises:
            Diverged: the loss is no longer a number.
            EnvironmentProblem: the disk is full or read-only.
            KeyboardInterrupt: passed on, after a checkpoint if it came between two updates of the weights.

        """
        self._resume()
        try:
            while not self.position.finished:
                self._epoch()
        except KeyboardInterrupt:
            if self.whole:
                self.save()
            raise
        self._load(self.best)
        self.model.eval()
        return self.position

    def _epoch(self) -> None:
        # Counted by judgements: after its last step an epoch is not over.
        epoch = len(self.position.epochs)
        first = self.position.step - epoch * self.per_epoch
        started, told = time.monotonic(), []
        self.model.train()
        seed = self.run.recipe.seed
        for batch in epoch_batches(self.run.corpus, self.stage, seed=seed, epoch=epoch, first=first):
            told.append(self._step(batch))
            self._tell(epoch, told)
            if self.whole and time.monotonic() - self.saved > SECONDS_BETWEEN_CHECKPOINTS:
                self.save()
        seconds = time.monotonic() - started
        self._judge(epoch, told, seconds)
        self.save()

    def _step(self, batch: Batch) -> float:
        stage = self.stage
        ranks = self.run.ranks
        torch.manual_seed(ranks.seed(batch.seed))
        for group, highest in zip(self.optimiser.param_groups, self.highest, strict=True):
            group["lr"] = highest * _schedule(stage, self.position.step / (stage.epochs * self.per_epoch))
        bfloat16 = self.run.recipe.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            part, figure = self.objective.part(batch, self.pictures)
        self.optimiser.zero_grad(set_to_none=True)
        part.backward()  # type: ignore[no-untyped-call]  # torch's own annotation is missing
        loss, figure = ranks.sum_gradients(self.weights.values(), part.item(), figure)
        if not math.isfinite(loss):
            raise self._diverged(f"its loss is {loss}")
        torch.nn.utils.clip_grad_norm_(self.weights.values(), stage.clip)
        self.whole = False
        self.optimiser.step()
        self.position.step += 1
        self._follow()
        self.whole = self.position.step % self.per_epoch != 0
        return figure

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights a little towards the present ones; faster in the beginning."""
        decay = min(self.stage.average, (1 + self.position.step) / (10 + self.position.step))
        for name, parameter in self.weights.items():
            self.average[name].lerp_(parameter, 1 - decay)

    def _judge(self, epoch: int, told: list[float], seconds: float) -> None:
        """Caption the held-out pictures greedily with the averaged weights; note the best; stop or go on."""
        self.whole = False
        present = {name: p.detach().clone() for name, p in self.weights.items()}
        self._load(self.average)
        recipe, corpus = self.run.recipe, self.run.corpus
        score = self.run.ranks.led(lambda: held_out_cider(self.model, self.pictures, corpus, recipe, self.cider))
        if math.isnan(score):
            raise self._diverged("it says nothing any more")
        self._load(present)
        position, mean = self.position, float(np.mean(told)) if told else math.nan
        if score > position.best_score:
            position.best_score, position.best_epoch = score, epoch
            self.best = {name: tensor.clone() for name, tensor in self.average.items()}
        figures = {"epoch": epoch + 1, self.figure: round(mean, 4), "held_out_cider": round(score, 4)}
        position.epochs.append(figures)
        stale = epoch - position.best_epoch >= self.stage.patience
        position.finished = stale or epoch + 1 >= self.stage.epochs
        # More places than a bundle keeps: that runs with different numbers of ranks agree is seen here.
        more = {self.figure: round(mean, 8), "seconds": round(seconds, 1), "time": round(time.time())}
        if self.run.ranks.leads:
            _append(self.run.folder / "metrics.jsonl", {"stage": self.stage.name, **figures, **more})
        note = f"{self.figure} {mean:.3f}, held-out CIDEr-D {score:.3f}, {seconds:.0f} s"
        self.run.report(Progress(f"epoch {epoch + 1} of {self.stage.name}", epoch + 1, self.stage.epochs, note))
        if self.run.judged is not None:
            self.run.judged(self.stage.name, epoch, score)
        self.whole = True

    def _diverged(self, sign: str) -> Diverged:
        return Diverged(f"stage {self.stage.name!r} diverged at step {self.position.step}, {sign}")

    def _tell(self, epoch: int, told: list[float]) -> None:
        task = f"train {self.stage.name} (epoch {epoch + 1} of {self.stage.epochs})"
        recent = f"{self.figure} {np.mean(told[-20:]):.3f}"
        self.run.report(Progress(task, self.position.step - epoch * self.per_epoch, self.per_epoch, recent))

    def save(self) -> None:
        """Write a checkpoint now; rank 0 does, for all hold the same."""
        if not self.run.ranks.leads:
            return
        tensors: dict[str, Tensor] = {}
        for kind, held in (("model", self.weights), ("average", self.average), ("best", self.best)):
            tensors |= {f"{kind}/{name}": tensor.detach() for name, tensor in held.items()}
        for name, parameter in self.weights.items():
            for moment, value in self.optimiser.state[parameter].items():
                tensors[f"adam.{moment}/{name}"] = value
        save_checkpoint(self.checkpoints, replace(self.position), tensors)
        self.saved = time.monotonic()

    def _resume(self) -> None:
        found = self.run.ranks.led(lambda: load_checkpoint(self.checkpoints, self.run.identity))
        if found is None:
            return
        self.position, tensors = found
        self._load({name: tensors[f"model/{name}"] for name in self.weights})
        self.average = {name: tensors[f"average/{name}"].clone() for name in self.weights}
        self.best = {name: tensors[f"best/{name}"].clone() for name in self.weights}
        for name, parameter in self.weights.items():
            # There are none before the first step, and never for a weight that the features don't depend on.
            for moment in ("step", "exp_avg", "exp_avg_sq") if f"adam.step/{name}" in tensors else ():
                self.optimiser.state[parameter][moment] = tensors[f"adam.{moment}/{name}"].clone()
        note = f"going on from step {self.position.step}"
        self.run.report(Progress(f"resume {self.stage.name}", self.position.step, None, note))

    @torch.no_grad()
    def _load(self, tensors: dict[str, Tensor]) -> None:
        for name, parameter in self.weights.items():
            parameter.copy_(tensors[name])


def held_out_cider(model: CaptionModel, pictures: Pictures, corpus: Corpus, recipe: Recipe, cider: CiderD) -> float:
    """Mean CIDEr-D (0..10) of greedy captions of the held-out pictures; NaN when the model says nothing at all."""
    model.eval()
    options = DecodingOptions(beam=1, max_words=recipe.data.max_words)
    scores: list[float] = []
    for start in range(0, len(corpus.held_keys), HELD_AT_ONCE):
        with torch.no_grad():
            features = pictures.plain(corpus.held_keys[start : start + HELD_AT_ONCE])
        for ranked in model.search(features, options):
            if not ranked:
                return math.nan
            words = corpus.vocabulary.decode(ranked[0].words)
            scores.append(cider.score(len(scores), words))
    return float(np.mean(scores))


def _keep(trunk: nn.Module, parts: Sequence[str]) -> None:
    """Let parts of the encoder stay as they are; below the lowest part that learns nothing is differentiated either."""
    named = dict(trunk.named_modules())
    for part in parts:
        if part not in named:
            raise RecipeError(
                f"the encoder has no part {part!r}: its parts are {', '.join(n for n in named if n)[:200]}"
            )
        named[part].requires_grad_(False)


def _groups(weights: dict[str, torch.nn.Parameter], stage: StageRecipe) -> list[dict[str, object]]:
    """Encoder and decoder learn at their own rate; vectors (norms, biases) are not decayed."""
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in weights.items():
        groups.setdefault((name.startswith("encoder."), parameter.ndim >= 2), []).append(parameter)
    return [
        {
            "params": members,
            "lr": stage.encoder_learning_rate if encoder else stage.learning_rate,
            "weight_decay": stage.weight_decay if matrix else 0.0,
        }
        for (encoder, matrix), members in groups.items()
    ]


def _schedule(stage: StageRecipe, progress: float) -> float:
    """Linear warm-up, then a cosine down to `floor`; `progress` is 0..1 of the stage."""
    if progress < stage.warmup:
        return max(progress / stage.warmup, 1e-3)
    after = (progress - stage.warmup) / (1 - stage.warmup)
    return stage.floor + (1 - stage.floor) * 0.5 * (1 + math.cos(math.pi * after))


def _append(path: Path, line: dict[str, object]) -> None:
    """Add a line; an epoch that is repeated after a kill replaces its earlier line."""
    kept = []
    with writing(path):
        if path.exists():
            for text in path.read_text().splitlines():
                old = json.loads(text)
                if (old["stage"], old["epoch"]) != (line["stage"], line["epoch"]):
                    kept.append(text)
        write_atomically(path, ("\n".join([*kept, json.dumps(line)]) + "\n").encode())
