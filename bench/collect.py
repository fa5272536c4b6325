"""How fast `collect` is beside `caption` on the same pictures, and how much memory it takes; prints one JSON line.

    python bench/collect.py [--images FOLDER] [--count 1000] [--memory 1000 10000] [--rounds 3]

Ours and `caption` take turns in processes of their own, loading included in neither, and medians count. `again` is a
second run over a collection that has everything. Memory is the peak of a process that collects tiny drawn pictures
with a beam of 1, for each of two numbers of them: it must not grow with them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from mezzetin import api
from mezzetin.captioner import load_captioner

MEGABYTE = 1 << 10


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--images", type=Path, help="a folder of pictures; default: pictures drawn here")
    parser.add_argument("--count", type=int, default=1000, help="pictures of the folder to take")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs=2, default=(1000, 10_000), help="pictures for the peak memory")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "FOLDER", "BEAM"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        what, folder, beam = chosen.child
        print(json.dumps(work(what, Path(folder), int(beam) or None)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(measured(chosen, Path(scratch))))


def measured(chosen: argparse.Namespace, scratch: Path) -> dict[str, object]:
    if chosen.images is None:
        folder = drawn(scratch / "drawn", chosen.count, 224)
    else:
        folder = scratch / "photographs"
        folder.mkdir()
        for place in islice(sorted(chosen.images.iterdir()), chosen.count):
            (folder / place.name).symlink_to(place.absolute())
    rounds = [{what: child(what, folder, 0) for what in ("caption", "collect")} for _ in range(chosen.rounds)]
    rates = {what: median(one[what]["per_second"] for one in rounds) for what in ("caption", "collect")}
    peaks = {}
    for count in chosen.memory:
        tiny = drawn(scratch / f"tiny{count}", count, 32)
        peaks[str(count)] = child("collect", tiny, 1)["peak_mb"]
    return {
        "pictures": chosen.count,
        "caption_per_second": round(rates["caption"], 1),
        "collect_per_second": round(rates["collect"], 1),
        "share": round(rates["collect"] / rates["caption"], 3),
        "again_seconds": median(one["collect"]["again_s"] for one in rounds),
        "peak_mb": peaks,
        "growth": round(peaks[str(chosen.memory[1])] / peaks[str(chosen.memory[0])], 3),
    }


def child(what: str, folder: Path, beam: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", what, str(folder), str(beam)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def work(what: str, folder: Path, beam: int | None) -> dict[str, float]:
    """Caption or collect a folder in this process."""
    captioner = load_captioner(beam=beam, alternatives=4 if beam is None else 0)
    captioner.caption([next(iter(folder.iterdir()))])
    begun, again = time.perf_counter(), 0.0
    if what == "caption":
        done = sum(1 for _ in api.caption([folder], captioner=captioner))
        taken = time.perf_counter() - begun
    else:
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / "c.sqlite"
            done = api.collect(folder, target, captioners=[captioner]).described
            taken = time.perf_counter() - begun
            begun = time.perf_counter()
            api.collect(folder, target, captioners=[captioner])
            again = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE
    return {"per_second": done / taken, "again_s": round(again, 2), "peak_mb": round(peak, 1)}


def drawn(folder: Path, count: int, side: int) -> Path:
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(count):
        small = random.integers(0, 255, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{number:06}.jpg")
    return folder


if __name__ == "__main__":
    main()
