"""What a house's own captions teach a captioner, and what they cost it; prints JSON lines.

    python bench/house.py FLICKR8K [--model MODEL] [--recipe recipes/house.toml] [--sizes 50 200 1000] [--shares 0.3 1]

The house is one that no bundle has seen: scenes that Mezzetin draws, each with one caption, as a curator approves it.
200 others, with five captions each, are held out. The old skill is 300 photographs of Flickr8k's development split. The
first line is the captioner as it was; then a line for every number of captions and share of what was learned. Scores
are CIDEr-D times 100, by the bundle's own decoding, with document frequencies of the pictures that are judged.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from mezzetin import api
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.metrics.cider import cider_d
from mezzetin.scenes import draw_scenes
from mezzetin.text import tokenise
from mezzetin.training.recipe import OnwardsRecipe, read_recipe
from mezzetin.worker import BATCH

HELD_OUT = 200
PHOTOGRAPHS = 300
Pictures = list[tuple[Path, list[str]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("flickr8k", type=Path, help="a folder with Images/, captions.txt, Flickr_8k.devImages.txt")
    parser.add_argument("--model", help="where training goes on from; default: the bundled captioner")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/house.toml"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.3, 1.0])
    parser.add_argument("--work", type=Path, help="a folder to keep datasets and bundles in")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = chosen.work or Path(scratch)
        scenes = work / "scenes"
        if not scenes.exists():
            draw_scenes(scenes, count=max(chosen.sizes) + HELD_OUT, seed=8)
        drawn = captioned(scenes)
        learned, held = drawn[: max(chosen.sizes)], drawn[-HELD_OUT:]
        photographs = captioned(chosen.flickr8k, "Flickr_8k.devImages.txt")[:PHOTOGRAPHS]
        old = load_captioner(chosen.model)
        print(json.dumps({"captions": 0, "share": 0, **judged(old, held, photographs)}), flush=True)
        for size in chosen.sizes:
            dataset = work / f"{size}.dataset"
            api.ingest(house(work / f"house-{size}", learned[:size], held), dataset, processes=1)
            for share in chosen.shares:
                recipe = read_recipe(chosen.recipe)
                onwards = (recipe.onwards or OnwardsRecipe()).model_copy(update={"share": share})
                began = time.monotonic()
                bundle = api.train(
                    dataset,
                    work / f"{size}-{share:g}",
                    recipe=recipe.model_copy(update={"onwards": onwards}),
                    start=chosen.model or "bundled",
                )
                seconds = round(time.monotonic() - began)
                found = judged(load_captioner(bundle.folder), held, photographs)
                print(json.dumps({"captions": size, "share": share, "seconds": seconds, **found}), flush=True)


def captioned(folder: Path, names: str | None = None) -> Pictures:
    """The pictures of a folder and their captions, in the order of the file."""
    said: dict[str, list[str]] = defaultdict(list)
    with (folder / "captions.txt").open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            said[row["image"]].append(row["caption"])
    wanted = (folder / names).read_text(encoding="utf-8").split() if names else list(said)
    return [(folder / "Images" / name, said[name]) for name in wanted if said[name]]


def house(folder: Path, learned: Pictures, held: Pictures) -> Path:
    """A folder as ingest reads it: one caption for each picture to learn from, all of the held-out ones."""
    (folder / "Images").mkdir(parents=True, exist_ok=True)
    for path, _ in (*learned, *held):
        (folder / "Images" / path.name).write_bytes(path.read_bytes())
    with (folder / "captions.txt").open("w", newline="", encoding="utf-8") as table:
        rows = csv.writer(table)
        rows.writerow(("image", "caption"))
        # Which of the five patterns a curator would use is as good as chance.
        rows.writerows((path.name, said[number % len(said)]) for number, (path, said) in enumerate(learned))
        rows.writerows((path.name, caption) for path, said in held for caption in said)
    for name, pictures in (("train", learned), ("dev", held)):
        text = "".join(f"{path.name}\n" for path, _ in pictures)
        (folder / f"Flickr_8k.{name}Images.txt").write_text(text, encoding="utf-8")
    return folder


def judged(captioner: BundleCaptioner, held: Pictures, photographs: Pictures) -> dict[str, float]:
    """CIDEr-D x 100 on held-out pictures of the house and on the photographs."""
    return {"house": score(captioner, held), "flickr8k": score(captioner, photographs)}


def score(captioner: BundleCaptioner, pictures: Pictures) -> float:
    """Mean CIDEr-D x 100 of a captioner's own captions."""
    said: list[list[str]] = []
    for start in range(0, len(pictures), BATCH):
        batch = [captioner.pixels(path.read_bytes()) for path, _ in pictures[start : start + BATCH]]
        said += [tokenise(caption.text or "") for caption in captioner.caption_pixels(batch)]
    references = [[tokenise(caption) for caption in captions] for _, captions in pictures]
    return round(float(cider_d(references, said).mean()) * 100, 1)


if __name__ == "__main__":
    main()
