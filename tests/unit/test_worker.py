"""The worker: order kept, memory bounded, one bad picture one row, and it stops when nobody listens."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.records import Caption
from mezzetin.worker import BATCH, Item, caption_pictures, processors

Photographs = Callable[..., Path]


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path, beam=1)


class Source:
    """Named pictures, one after the other; counts how many were asked for and whether it was closed."""

    def __init__(self, pictures: list[bytes | Path], count: int, *, fail_after: int | None = None) -> None:
        self.taken = 0
        self.closed = False
        self._pictures, self._count, self._fail_after = pictures, count, fail_after

    def __iter__(self) -> Iterator[Item]:
        try:
            for number in range(self._count):
                if number == self._fail_after:
                    raise OSError("the disk is gone")
                self.taken += 1
                yield str(number), self._pictures[number % len(self._pictures)]
        finally:
            self.closed = True


@pytest.fixture
def pictures(photographs: Photographs) -> list[bytes | Path]:
    return [path.read_bytes() for path in sorted(photographs(3, size=(32, 24)).iterdir())]


@pytest.mark.parametrize(("count", "batch", "workers"), [(0, 4, 2), (1, 4, 2), (4, 4, 1), (11, 4, 2), (5, 1, 3)])
def test_every_picture_comes_back_once_and_in_order(
    captioner: BundleCaptioner, pictures: list[bytes | Path], count: int, batch: int, workers: int
) -> None:
    rows = list(caption_pictures(captioner, Source(pictures, count), batch=batch, workers=workers))
    assert [name for name, _ in rows] == [str(number) for number in range(count)]
    alone = [captioner.caption([picture])[0] for picture in pictures]
    for number, (_, caption) in enumerate(rows):
        assert caption.text == alone[number % 3].text
        # The text may be the same for all; how unlike the training pictures they are is not.
        assert caption.unlike_training == pytest.approx(alone[number % 3].unlike_training, abs=2e-3)


def test_slow_batches_do_not_fall_behind_quick_ones(
    captioner: BundleCaptioner, pictures: list[bytes | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([0.3, 0.0, 0.2, 0.0, 0.0, 0.0])
    caption, lock = captioner.caption, threading.Lock()

    def dawdle(images: list[bytes | str | Path]) -> list[Caption]:
        with lock:
            wait = next(turns)
        time.sleep(wait)
        return caption(images)

    monkeypatch.setattr(captioner, "caption", dawdle)
    rows = caption_pictures(captioner, Source(pictures, 12), batch=2, workers=3)
    assert [name for name, _ in rows] == [str(number) for number in range(12)]


def test_a_bad_picture_is_one_row(captioner: BundleCaptioner, pictures: list[bytes | Path], tmp_path: Path) -> None:
    mixed = [pictures[0], b"", tmp_path / "nowhere.jpg", b"no picture", pictures[1]]
    rows = list(caption_pictures(captioner, Source(mixed, 10), batch=3, workers=2))
    codes = [caption.error.code if caption.error else None for _, caption in rows]
    assert codes == [None, "empty", "missing", "unsupported_format", None] * 2


def test_the_source_is_not_read_far_ahead(captioner: BundleCaptioner, pictures: list[bytes | Path]) -> None:
    source, batch, workers = Source(pictures, 36), 3, 2
    ahead = [
        source.taken - given for given, _ in enumerate(caption_pictures(captioner, source, batch=batch, workers=2))
    ]
    assert len(ahead) == 36
    # One batch a thread, one that waits for a thread, and what is left of the one being given out.
    assert max(ahead) <= (workers + 2) * batch


def test_nothing_is_read_before_the_first_row_is_wanted(
    captioner: BundleCaptioner, pictures: list[bytes | Path]
) -> None:
    source = Source(pictures, 5)
    rows = caption_pictures(captioner, source)
    assert source.taken == 0
    next(rows)
    assert source.taken == 5


def test_a_source_that_fails_ends_the_rows_with_its_own_error(
    captioner: BundleCaptioner, pictures: list[bytes | Path]
) -> None:
    source, given = Source(pictures, 40, fail_after=25), []
    before = threading.active_count()
    with pytest.raises(OSError, match="the disk is gone"):
        for name, _ in caption_pictures(captioner, source, batch=2, workers=2):
            given.append(name)
    # What was given is right and in order; at most the batches under way are lost.
    assert given == [str(number) for number in range(len(given))]
    assert 25 - (2 + 2) * 2 <= len(given) <= 25
    assert threading.active_count() == before


def test_an_error_of_the_captioner_is_not_swallowed(
    captioner: BundleCaptioner, pictures: list[bytes | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(images: list[bytes | str | Path]) -> list[Caption]:
        raise MemoryError("no room")

    monkeypatch.setattr(captioner, "caption", broken)
    with pytest.raises(MemoryError, match="no room"):
        list(caption_pictures(captioner, Source(pictures, 100), batch=2, workers=2))


def test_closing_the_rows_early_stops_the_work(captioner: BundleCaptioner, pictures: list[bytes | Path]) -> None:
    source = Source(pictures, 1_000_000)
    before = threading.active_count()
    rows = caption_pictures(captioner, source, batch=2, workers=2)
    assert [next(rows)[0] for _ in range(3)] == ["0", "1", "2"]
    rows.close()  # type: ignore[attr-defined]
    taken = source.taken
    assert taken <= 3 + 4 * 2 and threading.active_count() == before
    del rows
    assert source.closed and source.taken == taken


def test_the_process_ends_when_the_rows_are_left_alone(bundle_path: Path, photographs: Photographs) -> None:
    folder = photographs(1)
    script = (
        "import sys, itertools, pathlib; from mezzetin import load_captioner\n"
        "from mezzetin.worker import caption_pictures\n"
        "endless = ((str(n), pathlib.Path(sys.argv[2])) for n in itertools.count())\n"
        "print(next(caption_pictures(load_captioner(sys.argv[1], beam=1), endless))[0])"
    )
    arguments = [sys.executable, "-c", script, str(bundle_path), str(folder / "p0.jpg")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


def test_defaults(captioner: BundleCaptioner, pictures: list[bytes | Path]) -> None:
    assert processors() >= 1
    rows = list(caption_pictures(captioner, Source(pictures, BATCH + 1)))
    assert len(rows) == BATCH + 1 and all(caption.text for _, caption in rows)
