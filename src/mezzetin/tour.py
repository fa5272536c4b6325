"""The quickstart: every step that exists, offline, on generated pictures, in under three minutes on two cores.

Enters: a folder. Leaves in it: pictures with captions, a dataset, a trained bundle, an evaluation with its page, and
three new pictures captioned. It really learns, and shows it beside captions drawn at random.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mezzetin import api
from mezzetin.api.reporting import Report
from mezzetin.records import Progress
from mezzetin.scenes import draw_new, draw_scenes
from mezzetin.storage.paths import writing

if TYPE_CHECKING:
    from mezzetin.data.dataset import Dataset
    from mezzetin.training.recipe import Recipe

SCENES = 400
SEED = 1


@dataclass(frozen=True)
class QuickstartResult:
    """Where everything lies and how well it was learned; CIDEr-D is on held-out scenes (0..10)."""

    pictures: str
    dataset: str
    bundle: str
    report: str
    captions: dict[str, str]
    cider_d: float
    cider_d_of_random_captions: float

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return asdict(self)


def quickstart(
    folder: str | Path = "quickstart",
    *,
    say: Callable[[str], None] = print,
    report: Report = lambda progress: None,
) -> QuickstartResult:
    """Draw, ingest, train, evaluate and caption, saying at each step what was made and where.

    Called again on the same folder it goes on where it was cut off.

    Raises:
        MissingExtra: `mezzetin[train]` is not installed.
        EnvironmentProblem: the folder can't be written.

    """
    folder = Path(folder)
    say("Mezzetin quickstart: the steps of a captioner's life on pictures that it draws itself. No network.")
    source, dataset = _prepare(folder, say, report)
    bundle = _train(folder, dataset, say, report)
    evaluation, page, chance = _evaluate(folder, dataset, say, report)
    captions = _score(folder, bundle, say)
    say(f"Next: open {page}, or do the same with your own pictures: mezzetin ingest SOURCE DATASET")
    return QuickstartResult(
        pictures=str(source),
        dataset=str(dataset),
        bundle=str(bundle),
        report=str(page),
        captions=captions,
        cider_d=evaluation,
        cider_d_of_random_captions=chance,
    )


def quick_recipe() -> Recipe:
    """A small decoder on the bundled captioner's encoder, for a few hundred drawn scenes."""
    from mezzetin.training.recipe import DataRecipe, DecoderRecipe, Recipe, StageRecipe

    stage = StageRecipe(
        name="scenes", epochs=14, patience=14, batch_images=16, learning_rate=1.5e-3, average=0.97, weight_decay=0.02
    )
    return Recipe(
        name="quickstart",
        seed=SEED,
        licence="Apache-2.0 scenes on the bundled captioner's encoder (research use only)",
        data=DataRecipe(min_count=2, max_words=18, holdout=20),
        decoder=DecoderRecipe(width=192, layers=2, heads=4, feed_forward=384, dropout=0.1),
        stages=(stage,),
    )


def _prepare(folder: Path, say: Callable[[str], None], report: Report) -> tuple[Path, Path]:
    source, dataset = folder / "pictures", folder / "scenes.dataset"
    with writing(folder):
        if not (source / "captions.txt").exists():
            draw_scenes(source, count=SCENES, seed=SEED)
    say(f"3 prepare   drew {SCENES} scenes with five captions each in {source}")
    made = api.ingest(source, dataset, licence="Apache-2.0", report=report)
    say(f"            mezzetin ingest {source} {dataset}")
    for line in made.lines():
        say(f"            {line}")
    return source, dataset


def _train(folder: Path, dataset: Path, say: Callable[[str], None], report: Report) -> Path:
    bundle = folder / "scenes.bundle"
    say(f"4 train     mezzetin train {dataset} {bundle}  (decoder only, on the bundled captioner's encoder)")

    def tell(progress: Progress) -> None:
        if progress.task.startswith("epoch ") and progress.done % 2 == 0:
            say(f"            epoch {progress.done:2} of {progress.total}: {progress.note}")
        report(progress)

    made = api.train(dataset, bundle, recipe=quick_recipe(), report=tell)
    size = sum(entry["size"] for entry in made.manifest["files"]) / 1e6
    say(f"            bundle {bundle}: {size:.1f} MB, digest {made.digest[:12]}")
    return bundle


def _evaluate(folder: Path, dataset: Path, say: Callable[[str], None], report: Report) -> tuple[float, Path, float]:
    from mezzetin.data.dataset import Dataset

    out = folder / "evaluation"
    say(f"            mezzetin evaluate {dataset} --model {folder / 'scenes.bundle'} --out {out}")
    found, _ = api.evaluate(dataset, folder / "scenes.bundle", out=out, report=report)
    learned, chance = found.value("CIDEr-D"), _cider_of_chance(Dataset.open(dataset))
    say(f"            on {len(found.pictures)} scenes that it has not seen: CIDEr-D {learned:.2f};")
    say(f"            captions drawn at random from the training set: {chance:.2f}")
    say(f"            report {out / 'report.html'}")
    return learned, out / "report.html", chance


def _cider_of_chance(dataset: Dataset) -> float:
    """CIDEr-D of the validation pictures when each gets any training caption."""
    from mezzetin.metrics import score
    from mezzetin.text import tokenise

    captions = [caption for row in dataset.rows({"train"}, images=False) for caption in row.captions]
    references = [[tokenise(c) for c in row.captions] for row in dataset.rows({"val"}, images=False)]
    drawn = random.Random(SEED).choices(captions, k=len(references))  # noqa: S311 - a baseline, not a secret
    hypotheses = [tokenise(caption) for caption in drawn]
    return score(references, hypotheses, protocol="random captions", metrics=["CIDEr-D"])[0].value


def _score(folder: Path, bundle: Path, say: Callable[[str], None]) -> dict[str, str]:
    with writing(folder):
        new = draw_new(folder / "new", count=3, seed=SEED)
    say(f"8 score     mezzetin caption {folder / 'new'} --model {bundle}")
    rows = list(api.caption(new, bundle))
    for name, caption in rows:
        say(f"            {name}: {caption.text}")
    sheet = api.contact_sheet(rows, folder / "new.html", title="Three new scenes")
    say(f"            contact sheet {sheet}")
    return {name: caption.text or "" for name, caption in rows}
