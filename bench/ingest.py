"""How fast `ingest` is, beside doing only what can't be left out, and how its memory grows. Prints one JSON line.

Three measurements, on pictures drawn here (500 x 375, five captions each) unless a source is named:

- local: pictures a second from disk to disk, beside two plain processes that read, hash and decode the same files
  (hashlib and Pillow, every pixel, each half of the files). Rounds take turns; the ratio is the median of the rounds'.
- azurite: the same from Azurite, the Blob emulator, beside the Azure SDK downloading the same blobs in 8 threads of one
  process. Left out where Azurite is not installed.
- memory: the largest sum of resident memory of all processes of an ingest of 1,000 and of 10,000 small pictures.

Every figure is of whole processes, starts included. `bars` are those that a release must keep.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))
BARS = {"local_ratio": 0.8, "azurite_ratio": 0.7, "memory_ratio": 1.2}
THREADS = 8
WORDS = ["a", "man", "rides", "a", "horse", "along", "the", "beach", "while", "two", "dogs", "run", "behind", "him"]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--source", type=Path, help="Flickr8k in Kaggle's layout; default: pictures drawn here")
    parser.add_argument("--count", type=int, default=3000, help="pictures to draw")
    parser.add_argument("--remote", type=int, default=1500, help="pictures to put into Azurite")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs=2, default=(1000, 10_000), help="pictures for the peak memory")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        CHILDREN[chosen.child](*chosen.rest)
        return
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        source = chosen.source or draw(scratch / "source", chosen.count, (500, 375))
        result = {
            "bars": BARS,
            "local": measure_local(source, scratch, chosen.rounds),
            "azurite": measure_azurite(source, scratch, chosen.remote, chosen.rounds),
            "memory": measure_memory(scratch, chosen.memory),
        }
    print(json.dumps(result))


def draw(source: Path, count: int, size: tuple[int, int]) -> Path:
    """A source in Kaggle's layout: blurred blocks with the grain of a sensor, all different."""
    (source / "Images").mkdir(parents=True)
    grain = np.random.default_rng(0).normal(scale=6, size=(size[1], size[0], 1)).astype(np.int16)
    lines = ["image,caption"]
    for number in range(count):
        random = np.random.default_rng(number)
        blocks = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        smooth = np.asarray(blocks.resize(size, Image.Resampling.BICUBIC), np.int16)
        noisy = np.clip(smooth + np.roll(grain, 37 * number, (0, 1)), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(source / "Images" / f"{number:06}.jpg", quality=85)
        lines += [f"{number:06}.jpg,{' '.join(random.choice(WORDS, 11))} {turn}" for turn in range(5)]
    (source / "captions.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return source


def measure_local(source: Path, scratch: Path, rounds: int) -> dict[str, Any]:
    files = sorted(map(str, (source / "Images").iterdir()))
    lists = [scratch / "first.txt", scratch / "second.txt"]
    for number, path in enumerate(lists):
        path.write_text("\n".join(files[number::2]))
    targets = (str(scratch / f"dataset-{turn}") for turn in range(rounds + 1))
    return compare(
        len(files),
        lambda: run([["ingest", str(source), next(targets)]]),
        lambda: run([["plain", str(path)] for path in lists]),
        rounds,
    )


def measure_azurite(source: Path, scratch: Path, count: int, rounds: int) -> dict[str, Any] | None:
    from tests.azure.azurite import Azurite, missing

    if missing():
        return None
    with Azurite(scratch / "azurite") as azurite:
        os.environ["AZURE_STORAGE_CONNECTION_STRING"] = azurite.connection_string
        container = azurite.container()
        upload(azurite, container, source, count)
        targets = (str(scratch / f"remote-{turn}") for turn in range(rounds + 1))
        return compare(
            count,
            lambda: run([["ingest", f"az://{container}/set", next(targets)]]),
            lambda: run([["download", container]]),
            rounds,
        )


def upload(azurite: Any, container: str, source: Path, count: int) -> None:
    pictures = sorted((source / "Images").iterdir())[:count]
    names = {path.name for path in pictures}
    head, *lines = (source / "captions.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.partition(",")[0] in names]
    azurite.put(container, "set/captions.txt", "".join([head, *kept]).encode())
    with ThreadPoolExecutor(THREADS) as pool:
        for done in pool.map(
            lambda path: azurite.put(container, f"set/Images/{path.name}", path.read_bytes()), pictures
        ):
            assert done is None


def compare(count: int, ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> dict[str, Any]:
    """Turn by turn; the first turn, in which files come into the system's cache, does not count."""
    seconds = [(ours(), peer()) for _ in range(rounds + 1)][1:]
    ratios = [theirs / mine for mine, theirs in seconds]
    return {
        "pictures": count,
        "images_a_second": round(count / median(mine for mine, _ in seconds), 1),
        "peer_images_a_second": round(count / median(theirs for _, theirs in seconds), 1),
        "ratio": round(median(ratios), 3),
        "ratio_rounds": [round(ratio, 3) for ratio in ratios],
    }


def measure_memory(scratch: Path, counts: Iterable[int]) -> dict[str, float]:
    few, many = counts
    large = draw(scratch / "small", many, (64, 48))
    small = scratch / "few"
    (small / "Images").mkdir(parents=True)
    for path in islice(sorted((large / "Images").iterdir()), few):
        (small / "Images" / path.name).hardlink_to(path)
    lines = (large / "captions.txt").read_text(encoding="utf-8").splitlines()
    (small / "captions.txt").write_text("\n".join(lines[: 1 + 5 * few]) + "\n", encoding="utf-8")
    peaks = [peak(["ingest", str(source), str(scratch / f"{source.name}.dataset")]) for source in (small, large)]
    return {f"peak_mb_{few}": peaks[0], f"peak_mb_{many}": peaks[1], "ratio": round(peaks[1] / peaks[0], 3)}


def peak(arguments: list[str]) -> float:
    """The largest sum of resident megabytes of a child and its children, looked at every 20 ms."""
    process = subprocess.Popen([sys.executable, str(HERE), "--child", *arguments])
    largest = 0
    while process.poll() is None:
        largest = max(largest, sum(map(resident, tree(process.pid))))
        time.sleep(0.02)
    assert process.returncode == 0
    return round(largest / 1024, 1)


def tree(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in tree(child))]


def resident(pid: int) -> int:
    """Kilobytes."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.partition("VmRSS:")[2].split()[0]) if "VmRSS:" in status else 0


def run(children: list[list[str]]) -> float:
    """Wall seconds of processes of this file that start together."""
    start = time.perf_counter()
    processes = [subprocess.Popen([sys.executable, str(HERE), "--child", *arguments]) for arguments in children]
    codes = [process.wait() for process in processes]
    assert not any(codes)
    return time.perf_counter() - start


def child_ingest(source: str, target: str) -> None:
    from mezzetin.data.ingest import ingest

    ingest(source, target)


def child_plain(names: str) -> None:
    for name in Path(names).read_text().splitlines():
        data = Path(name).read_bytes()
        hashlib.sha256(data).hexdigest()
        Image.open(io.BytesIO(data)).convert("RGB")


def child_download(container: str) -> None:
    from azure.storage.blob import ContainerClient

    connection = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
    with ContainerClient.from_connection_string(connection, container) as client:
        names = list(client.list_blob_names(name_starts_with="set/Images/"))
        with ThreadPoolExecutor(THREADS) as pool:
            for data in pool.map(lambda name: client.download_blob(name).readall(), names):
                hashlib.sha256(data).hexdigest()


CHILDREN: dict[str, Callable[..., None]] = {
    "ingest": child_ingest,
    "plain": child_plain,
    "download": child_download,
}

if __name__ == "__main__":
    main()
