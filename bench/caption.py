"""How fast captioning is, beside the bare parts that it is made of; prints one JSON line.

    python bench/caption.py [--images FOLDER] [--model BUNDLE] [--count 500]

Cold start is a whole process, `python -m mezzetin caption PHOTO`, for one JPEG of about 500 kB; bare is a process
that only decodes it and runs the two sessions. Warm is one loaded captioner and the same JPEG. Folder is
`caption_pictures` over `--count` pictures, with the parts on the same pictures: decoding alone, the encoder's
session alone on the same batches, and the decoder's session alone on inputs of the very shapes that the search
gave it, each with all processors. No pipeline of these parts on these processors can be faster than the sum of
their times, so `share` is that sum over ours. Ours and the parts take turns and medians count, for machines are
noisy. Without `--images` the pictures are drawn and enlarged to noisy photographs.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from mezzetin.api import find_pictures
from mezzetin.bundle import Bundle
from mezzetin.captioner import BundleCaptioner, default_options
from mezzetin.decoding.beam import FloatArray, IntArray
from mezzetin.pixels import decode
from mezzetin.registry.reference import find_model
from mezzetin.scenes import PLACES, compose, paint
from mezzetin.worker import BATCH, Item, caption_pictures, processors

Shapes = list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]
"""Of the tokens, the state and the memory at each step of one batch."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--images", type=Path, help="a folder of pictures; default: pictures drawn here")
    parser.add_argument("--model", type=Path, help="a bundle's folder; default: the bundled captioner")
    parser.add_argument("--count", type=int, default=500, help="pictures of the folder to caption")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, nargs=2, default=(100, 1000), help="pictures for the peak memory")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        CHILDREN[chosen.child](chosen.model, chosen.images, chosen.count)
        return
    bundle = find_model(chosen.model)
    with tempfile.TemporaryDirectory() as scratch:
        photo = draw_photographs(Path(scratch) / "one", 1)[0]
        if chosen.images is None:
            pictures = draw_photographs(Path(scratch) / "many", chosen.count)
        else:
            pictures = [Path(name) for name, _ in islice(find_pictures([chosen.images]), chosen.count)]
        result = {
            "model": bundle.info.signature,
            "beam": default_options(bundle).beam,
            "processors": processors(),
            "photo_kb": round(photo.stat().st_size / 1000),
            "cold": measure_cold(bundle, photo),
            "warm": measure_warm(bundle, photo.read_bytes()),
            "folder": measure_folder(bundle, pictures, chosen.rounds),
            "memory": measure_memory(bundle, pictures[0], chosen.memory),
        }
    print(json.dumps(result))


def draw_photographs(folder: Path, count: int) -> list[Path]:
    """Scenes enlarged to 2048 x 1536 with the grain of a sensor: about 500 kB each as a JPEG."""
    folder.mkdir(parents=True)
    grain = np.random.default_rng(0).normal(scale=6, size=(1536, 2048, 1)).astype(np.int16)
    for number in range(count):
        rng = random.Random(number)
        small = paint(compose(rng, PLACES[number % len(PLACES)]), rng)
        large = np.asarray(small.resize((2048, 1536), Image.Resampling.BICUBIC), np.int16)
        noisy = np.clip(large + np.roll(grain, 131 * number, (0, 1)), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number:04}.jpg", quality=84)
    return sorted(folder.iterdir())


def measure_cold(bundle: Bundle, photo: Path) -> dict[str, float]:
    """Wall seconds of whole processes, which take turns."""
    ours = [sys.executable, "-m", "mezzetin", "caption", str(photo), "--model", str(bundle.folder)]
    seconds, bare = [], []
    for _ in range(5):
        seconds.append(timed(lambda: subprocess.run(ours, check=True, capture_output=True)))
        bare.append(timed(lambda: child("bare", bundle, photo, 1)))
    return {"seconds": round(median(seconds), 3), "bare_seconds": round(median(bare), 3)}


def measure_warm(bundle: Bundle, photo: bytes) -> dict[str, float]:
    """Milliseconds for one photograph with one thread and with all, and of the bare parts with all."""
    one, every = Recorder(bundle), Recorder(bundle, threads=processors())
    parts = Parts(bundle, threads=processors())
    every.caption([photo])
    (shapes,), pixels = every.batches(), np.asarray(every.pixels(photo))[None]
    steps: dict[str, Callable[[], object]] = {
        "one_thread_ms": lambda: one.caption([photo]),
        "ms": lambda: every.caption([photo]),
        "bare_decode_ms": lambda: decode(photo, bundle.preprocessing),
        "bare_encoder_ms": lambda: parts.encode(pixels),
        "bare_decoder_ms": lambda: parts.replay(shapes),
    }
    found: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(53):
        for name, step in steps.items():
            found[name].append(1000 * timed(step))
    # The first calls plan memory.
    return {name: round(median(values[3:]), 2) for name, values in found.items()}


def measure_folder(bundle: Bundle, pictures: Sequence[Path], rounds: int) -> dict[str, Any]:
    """Pictures a second of the whole and of its parts, round after round."""
    items: list[Item] = [(path.name, path) for path in pictures]
    recorder, workers = Recorder(bundle), processors()
    for _ in caption_pictures(recorder, items, workers=1):
        pass
    shapes = recorder.batches()
    pixels = [array for path in pictures if isinstance(array := recorder.pixels(path), np.ndarray)]
    batches = [np.stack(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
    captioner, narrow, wide = BundleCaptioner(bundle), Parts(bundle), Parts(bundle, threads=workers)
    steps: dict[str, Callable[[], object]] = {
        "ours": lambda: sum(1 for _ in caption_pictures(captioner, items)),
        "decode": lambda: spread(recorder.pixels, pictures),
        "encoder": lambda: spread(narrow.encode, batches),
        "encoder_wide": lambda: [wide.encode(batch) for batch in batches],
        "decoder": lambda: spread(narrow.replay, shapes),
        "decoder_wide": lambda: [wide.replay(batch) for batch in shapes],
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(timed(step))
    middle = {name: median(values) for name, values in seconds.items()}
    # A session a processor, or one session over all: the bound is made of whichever is faster here.
    ways = ["decode", *(min((name, f"{name}_wide"), key=middle.__getitem__) for name in ("encoder", "decoder"))]
    shares = [sum(seconds[way][turn] for way in ways) / seconds["ours"][turn] for turn in range(rounds)]
    return {
        "pictures": len(pictures),
        "mean_kb": round(sum(path.stat().st_size for path in pictures) / len(pictures) / 1000),
        "steps_a_batch": round(sum(map(len, shapes)) / len(shapes), 1),
        "images_a_second": round(len(pictures) / middle["ours"], 1),
        "alone_images_a_second": {name: round(len(pictures) / middle[name], 1) for name in steps if name != "ours"},
        "bound_images_a_second": round(len(pictures) / sum(middle[way] for way in ways), 1),
        "share": round(median(shares), 3),
        "share_rounds": [round(share, 3) for share in shares],
    }


def measure_memory(bundle: Bundle, picture: Path, counts: Sequence[int]) -> dict[str, float]:
    """Peak resident megabytes of a process that captions so many pictures, and of one with the bare parts."""
    few, many = (float(child("caption", bundle, picture.parent, count)) for count in counts)
    bare = float(child("bare", bundle, picture, BATCH))
    found = {f"peak_mb_{counts[0]}": few, f"peak_mb_{counts[1]}": many, "ratio": many / few, "bare_peak_mb": bare}
    return {name: round(value, 2) for name, value in found.items()}


class Recorder(BundleCaptioner):
    """A captioner that notes the shapes of every step of its search; for one thread at a time."""

    def _step(self, token_BK: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
        if not hasattr(self, "shapes"):
            self.shapes: Shapes = []
        self.shapes.append((token_BK.shape, state.shape, memory.shape))
        return super()._step(token_BK, state, memory)

    def batches(self) -> list[Shapes]:
        """The steps of each batch; a batch begins with the state of a caption's beginning."""
        found: list[Shapes] = []
        for shapes in self.shapes:
            if shapes[1][2:] == self._start_state.shape:
                found.append([])
            found[-1].append(shapes)
        return found


class Parts:
    """The bare sessions of a bundle, each with `threads`."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._encoder, self._decoder = (
            onnxruntime.InferenceSession(str(bundle.folder / name), options, providers=["CPUExecutionProvider"])
            for name in ("encoder.onnx", "decoder.onnx")
        )
        self._zeros: NDArray[np.float32] = np.zeros(1, np.float32)

    def encode(self, pixels_BHW3: NDArray[np.uint8]) -> Any:
        """Run the encoder on a batch."""
        return self._encoder.run(["memory", "gist"], {"pixels": pixels_BHW3})

    def replay(self, steps: Shapes) -> int:
        """Run the decoder on a batch's steps: zeros of the same shapes, cut from one array that is there already."""
        for token, state, memory in steps:
            inputs = {"token": np.zeros(token, np.int64), "state": self._cut(state), "memory": self._cut(memory)}
            self._decoder.run(["log_probabilities", "next_state"], inputs)
        return len(steps)

    def _cut(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        size = int(np.prod(shape))
        zeros = self._zeros
        if len(zeros) < size:
            self._zeros = zeros = np.full(size, 0, np.float32)
        return zeros[:size].reshape(shape)


def spread(work: Callable[[Any], object], inputs: Sequence[Any]) -> None:
    """Do the work in a thread a processor."""
    with ThreadPoolExecutor(processors()) as pool:
        for _ in pool.map(work, inputs):
            pass


def timed(work: Callable[[], object]) -> float:
    """Wall seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def child(name: str, bundle: Bundle, images: Path, count: int) -> str:
    """What another process of this file prints."""
    command = [sys.executable, __file__, "--child", name, "--model", bundle.folder, "--images", images]
    done = subprocess.run([*map(str, command), "--count", str(count)], check=True, capture_output=True, text=True)
    return done.stdout


def child_caption(model: Path, images: Path, count: int) -> None:
    """Caption so many pictures of a folder, over and over if need be; print the peak memory."""
    items = islice(cycle(list(find_pictures([images]))), count)
    for _ in caption_pictures(BundleCaptioner(Bundle.open(model)), items):
        pass
    print_peak()


def child_bare(model: Path, images: Path, count: int) -> None:
    """Decode a picture, run the encoder on a batch of it and the decoder for ten steps; print the peak memory."""
    # Not verified: the bare parts know nothing of a manifest but how to look at pictures and how to begin.
    bundle = Bundle(model, json.loads((model / "bundle.json").read_bytes()))
    parts, beam = Parts(bundle), default_options(bundle).beam
    memory, _ = parts.encode(np.stack([decode(images, bundle.preprocessing)] * count))
    layers, _, width = bundle.manifest["decoder"]["start_state"]
    parts.replay([((count, beam), (count, beam, layers, past, width), memory.shape) for past in range(10)])
    print_peak()


def print_peak() -> None:
    """Print this process's peak resident memory in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss, which on Linux a child inherits from the process that started it.
        print(int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024)
    else:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20))


CHILDREN = {"caption": child_caption, "bare": child_bare}

if __name__ == "__main__":
    main()
