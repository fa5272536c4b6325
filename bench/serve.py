"""How the server bears its load; prints one JSON line a part, each with the bar that a release must keep.

    python bench/serve.py [--images FOLDER] [--model BUNDLE] [--parts start cost latency overload mischief]

- start: seconds from the start of `mezzetin serve` to the first 200 of /readyz, the median of several.
- cost: processor seconds a picture of the server with all its processes, over HTTP, one picture a request and
  enough requests at a time to fill its batches, beside those of a loaded captioner that is handed whole batches of
  the same bytes. Rounds take turns; the ratio is the median of the rounds'.
- latency: requests at random moments (Poisson) at 70 % of what it bore in a closed loop: p99 over p50, and
  which shares of the processors the server and the load took.
- overload: four times what it bore, `--overload` seconds: every answer is 200 or 503; memory of all its processes in
  the last third over that in the first; seconds after it until p50 is within 1.5 times what it was before.
- mischief: half of what it bore, `--mischief` seconds, with 5 % broken pictures, 5 % clients that hang up, 2 % URLs
  that take half a minute, and a decoder killed every two seconds: good pictures without a caption.

The load comes from another process (`bench/serve_load.py`) on the same machine. Without `--images` the pictures are
drawn and enlarged to noisy photographs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))

from bench.serve_watched import Server, children_cpu, serving  # noqa: E402

BARS = {
    "start_s": 3.0,
    "cost_ratio": 1.25,
    "p99_over_p50": 3.0,
    "memory_ratio": 1.1,
    "recovery_s": 5.0,
    "unanswered": 0,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--images", type=Path, help="a folder of pictures; default: pictures drawn here")
    parser.add_argument("--model", help="a bundle's folder; default: the bundled captioner")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--count", type=int, default=32, help="different pictures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="of a round, and of the latency part")
    parser.add_argument("--overload", type=float, default=60)
    parser.add_argument("--mischief", type=float, default=30, help="a release is tried for 300")
    parser.add_argument("--child", choices=("server", "offline"), help=argparse.SUPPRESS)
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON: fields of ServeSettings")
    chosen = parser.parse_args()
    if chosen.child is not None:
        {"server": child_server, "offline": child_offline}[chosen.child](chosen)
        return
    with tempfile.TemporaryDirectory() as scratch:
        chosen.images = gathered(chosen, Path(scratch))
        for part in chosen.parts:
            print(json.dumps({"part": part, **PARTS[part](chosen)}), flush=True)


def gathered(chosen: argparse.Namespace, scratch: Path) -> Path:
    """A folder with as many pictures as are asked for."""
    from bench.caption import draw_photographs

    folder = scratch / "pictures"
    if chosen.images is None:
        draw_photographs(folder, chosen.count)
        return folder
    folder.mkdir()
    for number, path in enumerate(islice(sorted(chosen.images.rglob("*.jpg")), chosen.count)):
        (folder / f"{number:04}.jpg").write_bytes(path.read_bytes())
    return folder


def child_server(chosen: argparse.Namespace) -> None:
    """Serve; print the address, and at the end how many pictures went through in how many passes."""
    from mezzetin.serving.answers import Observer
    from mezzetin.serving.app import create_app
    from mezzetin.serving.server import run_server
    from mezzetin.serving.settings import ServeSettings

    class Passes(Observer):
        sizes: Counter[int] = Counter()  # noqa: RUF012

        def batched(self, size: int, seconds: float) -> None:
            self.sizes[size] += 1

    with tempfile.TemporaryDirectory() as jobs:
        settings = ServeSettings(model=chosen.model, port=0, jobs=Path(jobs), **chosen.settings)
        app, passes = create_app(settings), Passes()
        app.state.core.engine.observers.append(passes)
        run_server(app, settings, lambda address: print(address, flush=True))
    pictures = sum(size * times for size, times in passes.sizes.items())
    print(json.dumps({"pictures": pictures, "passes": passes.sizes.total()}))


def child_offline(chosen: argparse.Namespace) -> None:
    """Caption the folder in batches for as long as a round is; print processor seconds a picture."""
    from mezzetin.captioner import load_captioner
    from mezzetin.serving.settings import ServeSettings

    settings = ServeSettings(model=chosen.model, **chosen.settings)
    captioner = load_captioner(chosen.model, alternatives=settings.alternatives, threads=settings.threads)
    pictures = [path.read_bytes() for path in sorted(chosen.images.iterdir())]
    batches = [pictures[start : start + settings.batch] for start in range(0, len(pictures), settings.batch)]
    captioner.caption(batches[0])
    began, cpu, count = time.monotonic(), time.process_time(), 0
    while time.monotonic() - began < chosen.seconds:
        for batch in batches:
            count += len(captioner.caption(batch))
    print((time.process_time() - cpu) / count)


def capacity(server: Server, chosen: argparse.Namespace, seconds: float) -> float:
    """Pictures a second with two batches of clients, who ask one after the other."""
    rows = server.load(chosen, clients=16, seconds=seconds)
    return len(rows) / max(due + took for _, due, _, took in rows)


def measure_start(chosen: argparse.Namespace) -> dict[str, Any]:
    """Seconds until the command that its users type has a model that answers."""
    seconds = []
    for _ in range(chosen.rounds):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "mezzetin", "serve", "--port", str(port)]
        command += ["--model", chosen.model] if chosen.model else []
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not is_ready(port):
                assert process.poll() is None and time.monotonic() < began + 120, "the server does not start"
                time.sleep(0.005)
            seconds.append(time.monotonic() - began)
        finally:
            process.terminate()
            process.wait()
    return {"start_s": round(median(seconds), 2), "of": [round(each, 2) for each in seconds], "bar": BARS["start_s"]}


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with suppress(OSError), closing(connection):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


def measure_cost(chosen: argparse.Namespace) -> dict[str, Any]:
    """Processor seconds a picture over HTTP, beside those offline."""
    ours, offline, sizes, pace = [], [], [], []
    for _ in range(chosen.rounds):
        with serving(chosen) as server:
            before, began = server.cpu(), time.monotonic()
            rows = server.load(chosen, clients=16, seconds=chosen.seconds)
            ours.append((server.cpu() - before) / len(rows))
            pace.append(len(rows) / (time.monotonic() - began))
        told = json.loads(server.told)
        sizes.append(told["pictures"] / told["passes"])
        command = [sys.executable, str(HERE), "--child", "offline", "--images", str(chosen.images)]
        command += ["--seconds", str(chosen.seconds), "--settings", json.dumps(chosen.settings)]
        command += ["--model", chosen.model] if chosen.model else []
        offline.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    ratios = [mine / theirs for mine, theirs in zip(ours, offline, strict=True)]
    return {
        "cpu_ms": round(1000 * median(ours), 2),
        "offline_cpu_ms": round(1000 * median(offline), 2),
        "mean_batch": round(median(sizes), 2),
        "pictures_a_second": round(median(pace), 1),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "cost_ratio": round(median(ratios), 3),
        "bar": BARS["cost_ratio"],
    }


def measure_latency(chosen: argparse.Namespace) -> dict[str, Any]:
    """Latency at 70 % of what the server can bear."""
    with serving(chosen) as server:
        most = capacity(server, chosen, chosen.seconds / 2)
        before, spent, began = server.cpu(), children_cpu(), time.monotonic()
        rows = server.load(chosen, rate=0.7 * most, seconds=chosen.seconds)
        whole = (time.monotonic() - began) * len(os.sched_getaffinity(0))
        shares = (server.cpu() - before) / whole, (children_cpu() - spent) / whole
    took = [seconds for _, _, _, seconds in rows]
    p50, p99 = median(took), quantiles(took, n=100)[98]
    return {
        "capacity_a_second": round(most, 1),
        "requests": len(rows),
        "statuses": dict(Counter(status for _, _, status, _ in rows)),
        "processor_shares": {"server": round(shares[0], 3), "load": round(shares[1], 3)},
        "p50_ms": round(1000 * p50, 1),
        "p99_ms": round(1000 * p99, 1),
        "p99_over_p50": round(p99 / p50, 2),
        "bar": BARS["p99_over_p50"],
    }


def measure_overload(chosen: argparse.Namespace) -> dict[str, Any]:
    """Four times too much, and what comes after it."""
    memory: list[float] = []
    with serving(chosen) as server:
        most = capacity(server, chosen, 5)
        normal = median(seconds for _, _, _, seconds in server.load(chosen, rate=0.3 * most, seconds=10))
        with repeatedly(lambda: memory.append(server.memory()), 0.5):
            rows = server.load(chosen, rate=4 * most, seconds=chosen.overload)
        after = server.load(chosen, rate=0.3 * most, seconds=15, seed=1)
        alive = server.process.poll() is None
    third = max(1, len(memory) // 3)
    seconds = [[took for _, due, _, took in after if second <= due < second + 1] for second in range(15)]
    back = next((n for n, took in enumerate(seconds) if took and median(took) < 1.5 * normal), None)
    return {
        "capacity_a_second": round(most, 1),
        "statuses": dict(Counter(status for _, _, status, _ in rows)),
        "alive": alive,
        "memory_mb": [round(median(memory[:third])), round(median(memory[-third:]))],
        "memory_ratio": round(median(memory[-third:]) / median(memory[:third]), 3),
        "p50_ms_before": round(1000 * normal, 1),
        "recovery_s": back,
        "bar": {"memory_ratio": BARS["memory_ratio"], "recovery_s": BARS["recovery_s"]},
    }


def measure_mischief(chosen: argparse.Namespace) -> dict[str, Any]:
    """Broken pictures, slow URLs, rude clients and killed decoders, at half of what the server can bear."""
    from tests.roads.serve_process import origin

    with origin(b"", delay=30) as web, serving(chosen, web.environment) as server:
        plan = {"broken": 0.05, "rude": 0.05, "slow": 0.02, "slow_url": web.url(0)}
        rate = 0.5 * capacity(server, chosen, 5)
        killed: list[int] = []

        def kill() -> None:
            for pid in server.children()[:1]:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

        with repeatedly(kill, 2.0):
            rows = server.load(chosen, rate=rate, seconds=chosen.mischief, **plan)
    statuses = {kind: dict(Counter(status for k, _, status, _ in rows if k == kind)) for kind, *_ in rows}
    unanswered = sum(times for status, times in statuses.get("good", {}).items() if status != 200)
    return {
        "rate": round(rate, 1), "killed": len(killed), "statuses": statuses,
        "unanswered": unanswered, "bar": BARS["unanswered"],
    }  # fmt: skip


@contextmanager
def repeatedly(work: Callable[[], object], seconds: float) -> Iterator[None]:
    """Do something every so often while a block runs."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "start": measure_start,
    "cost": measure_cost,
    "latency": measure_latency,
    "overload": measure_overload,
    "mischief": measure_mischief,
}

if __name__ == "__main__":
    main()
