"""Loading in processes: the same rows in the same order, whatever happens to a process."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mezzetin.data import loading
from mezzetin.data.gather import Gathered
from mezzetin.data.ingest import ingest
from mezzetin.data.loading import Loading
from mezzetin.data.picture import Picture, load_picture
from mezzetin.data.proof import prove_quickly
from mezzetin.data.readers.source import to_text
from mezzetin.data.workers import Worker
from mezzetin.errors import DatasetError, ImageError
from mezzetin.pixels import Preprocessing, decode
from mezzetin.pixels.likeness import hamming, perceptual_hash
from mezzetin.storage.paths import Place

Draw = Callable[..., bytes]
Source = Callable[..., Path]


def entry(name: str, place: Path | None, *captions: str) -> Gathered:
    return Gathered(name, to_text(Place.of(place)) if place else None, name, captions, None, "en", ())


@pytest.fixture
def entries(tmp_path: Path, picture: Draw) -> list[Gathered]:
    """Three hundred: pictures, broken, missing and unplaced ones, and some without captions."""
    made = []
    for number in range(300):
        path = tmp_path / f"{number}.jpg"
        if number % 7:
            path.write_bytes(picture(number) if number % 11 else b"\xff\xd8\xff broken")
        made.append(entry(str(number), path if number % 13 else None, *(["words"] if number % 17 else [])))
    return made


@pytest.fixture
def killing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Loaders of a package of their own path, in which a picture named killer.jpg ends the process."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'mezzetin.data.loader' in sys.orig_argv:\n"
        "    import hashlib\n"
        "    told = hashlib.sha256\n"
        "    def sha256(data=b'', **options):\n"
        "        if bytes(data[:6]) == b'killer':\n"
        "            os.kill(os.getpid(), 9)\n"
        "        return told(data, **options)\n"
        "    hashlib.sha256 = sha256\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_processes_give_what_threads_give(entries: list[Gathered]) -> None:
    with Loading(processes=1) as one, Loading(processes=2) as several:
        here, there = list(one.pictures(entries, 300)), list(several.pictures(entries, 300))
    assert here == there
    assert [found.image_id for found, _ in there] == [str(number) for number in range(300)]
    assert {found.status for _, found in there} == {"ok", "missing", "undecodable", "no_captions"}


def test_a_picture_that_kills_its_process_twice_is_undecodable(entries: list[Gathered], killing: Path) -> None:
    for number in (5, 40, 200):
        path = entries[number].image
        assert isinstance(path, Place)
        path.local_path().write_bytes(b"killer")
    with Loading(processes=2) as loaded:
        pictures = {found.image_id: picture for found, picture in loaded.pictures(entries, 300)}
    with Loading(processes=1) as plain:
        wanted = {found.image_id: picture for found, picture in plain.pictures(entries, 300)}
    assert list(pictures) == list(wanted)
    killers = [name for name, picture in pictures.items() if picture.error and "ended the process" in picture.error]
    assert killers == ["5", "40", "200"]
    assert all(pictures[name].status == "undecodable" for name in killers)
    others = {name for name in wanted if name not in killers}
    assert {name: pictures[name] for name in others} == {name: wanted[name] for name in others}


def test_a_process_that_dies_once_costs_nothing(entries: list[Gathered]) -> None:
    with Loading(processes=2) as loaded:
        found = loaded.pictures(entries, 300)
        # Both have answered by then.
        first = [next(found) for _ in range(70)]
        for worker in loaded.workers:
            os.kill(worker.pid, signal.SIGKILL)
        pictures = [*first, *found]
    with Loading(processes=1) as plain:
        assert pictures == list(plain.pictures(entries, 300))


def test_few_pictures_start_no_process(entries: list[Gathered]) -> None:
    with Loading(processes=2) as loaded:
        assert len(list(loaded.pictures(entries[:200], 200))) == 200
        assert not loaded.workers


def test_many_records_start_the_processes_early_and_close_ends_them() -> None:
    with Loading(processes=2) as loaded:
        assert sum(1 for _ in loaded.expecting(range(2000))) == 2000
        pids = [worker.pid for worker in loaded.workers]
        assert len(pids) == 2
    assert not any(is_running(pid) for pid in pids)


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    program = (
        "import os, signal\nfrom mezzetin.data.workers import Worker\n"
        "worker = Worker()\nprint(worker.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    assert within(10, lambda: not is_running(pid))


def test_a_terminals_interrupt_does_not_end_a_process(tmp_path: Path, picture: Draw) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture(1))
    worker = Worker()
    try:
        worker.ask([to_text(Place.of(path))])
        assert worker.take().status == "ok"
        os.kill(worker.pid, signal.SIGINT)
        worker.ask([to_text(Place.of(path))])
        assert worker.take().status == "ok"
    finally:
        worker.close()


def test_the_working_folders_modules_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: Draw
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    (tmp_path / "a.jpg").write_bytes(picture(1))
    monkeypatch.chdir(tmp_path)
    worker = Worker()
    try:
        worker.ask([to_text(Place.of(tmp_path / "a.jpg"))])
        assert worker.take().status == "ok"
    finally:
        worker.close()


def test_a_script_without_a_guard_may_ingest_many(flickr: Source, tmp_path: Path) -> None:
    source = flickr(300, train=range(300))
    script = tmp_path / "script.py"
    script.write_text(
        "print('once')\nfrom mezzetin.data.ingest import ingest\n"
        f"print(ingest({str(source)!r}, {str(tmp_path / 'd')!r}, processes=2).images)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["once", "300"]


def test_two_runs_into_one_folder(flickr: Source, tmp_path: Path) -> None:
    source = flickr(3)

    def second(done: int, total: int | None) -> None:
        if done == 1:
            with pytest.raises(DatasetError, match="another ingest is writing to"):
                ingest(source, tmp_path / "d")

    assert ingest(source, tmp_path / "d", progress=second).images == 3


SOUND = st.sampled_from(["L", "RGB", "progressive", "CMYK"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(kind=SOUND, at=st.integers(0, 10**6), value=st.binary(max_size=6), cut=st.integers(0, 40))
def test_what_the_quick_proof_takes_decodes(picture: Draw, kind: str, at: int, value: bytes, cut: int) -> None:
    """Wherever a JPEG is damaged: what this module calls whole, training can decode."""
    stream = io.BytesIO()
    mode = "RGB" if kind == "progressive" else kind
    whole = Image.open(io.BytesIO(picture(3, width=64, height=40))).convert(mode)
    whole.save(stream, "JPEG", progressive=kind == "progressive")
    data = bytearray(stream.getvalue())
    place = at % len(data)
    data[place : place + len(value)] = value
    damaged = bytes(data[: len(data) - cut - 2]) + b"\xff\xd9"
    proof = prove_quickly(damaged)
    if proof is not None:
        # Damage may make a header say more than a model's input ever measures.
        height, width = min(proof.height, 8192), min(proof.width, 8192)
        assert decode(damaged, Preprocessing(height, width)).shape == (height, width, 3)


@pytest.mark.parametrize("kind", ["L", "RGB"])
def test_the_quick_proof_is_taken_and_agrees(picture: Draw, kind: str) -> None:
    stream = io.BytesIO()
    smooth = Image.open(io.BytesIO(picture(3))).resize((300, 200), Image.Resampling.BICUBIC)
    smooth.convert(kind).save(stream, "JPEG", quality=90)
    proof = prove_quickly(stream.getvalue())
    assert proof is not None and (proof.format, proof.width, proof.height) == ("jpeg", 300, 200)
    assert hamming(proof.likeness, perceptual_hash(stream.getvalue())) <= 2


def test_a_turned_picture_has_its_size_as_shown(tmp_path: Path, picture: Draw) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.open(io.BytesIO(picture(1))).save(tmp_path / "a.jpg", exif=turned)
    found = load_picture(Place.of(tmp_path / "a.jpg"))
    assert (found.status, found.width, found.height) == ("ok", 32, 48)


def test_a_named_pipe_is_no_picture_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert load_picture(Place.of(tmp_path / "pipe.jpg")).status == "unreadable"


def test_what_is_damaged_raises_nothing() -> None:
    with pytest.raises(ImageError):
        decode(b"\xff\xd8\xff broken", Preprocessing(8, 8))
    assert prove_quickly(b"\xff\xd8\xff broken \xff\xd9") is None
    assert load_picture(None) == Picture("missing", "the file is not there")
    assert loading.processors() >= 1


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    # One that nobody has waited for yet has ended all the same.
    return "zombie" not in status.read_text() if status.exists() else True


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
