"""Sizes: what is resampled and how, and that memory stays flat however large the picture is."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mezzetin import pixels
from mezzetin.errors import ImageError, RecipeError
from mezzetin.pixels import Preprocessing, decode, read_header, rendering, thumbnail

FLICKR8K = Path(__file__).parents[3] / "shared/data/flickr8k/Images"


def encoded(height: int, width: int, name: str = "PNG", seed: int = 0) -> bytes:
    """A picture of coarse noise, so that a row or a column that is off shows."""
    coarse = np.random.default_rng(seed).integers(0, 256, (max(2, height // 9), max(2, width // 9), 3))
    stream = io.BytesIO()
    Image.fromarray(coarse.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC).save(
        stream, name, **({"quality": 95} if name == "JPEG" else {})
    )
    return stream.getvalue()


def from_pillow(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("ours", ["bilinear", "bicubic", "lanczos"])
def test_reducing_agrees_with_pillow(name: str, ours: str) -> None:
    data = encoded(700, 1000, name)
    theirs = from_pillow(data).resize((224, 160), getattr(Image.Resampling, ours.upper()))
    difference = np.abs(decode(data, Preprocessing(160, 224, "squash", ours)).astype(int) - np.asarray(theirs))
    assert difference.mean() < 2 and difference.max() < 24


def test_enlarging_agrees_with_pillow() -> None:
    data = encoded(40, 50)
    theirs = from_pillow(data).resize((200, 160), Image.Resampling.BILINEAR)
    ours = decode(data, Preprocessing(160, 200, "squash", "bilinear"))
    assert np.abs(ours.astype(int) - np.asarray(theirs)).mean() < 2
    nearest = decode(data, Preprocessing(80, 100, "squash", "nearest"))
    assert set(map(tuple, nearest.reshape(-1, 3))) <= set(map(tuple, np.asarray(from_pillow(data)).reshape(-1, 3)))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_a_picture_of_the_wanted_size_is_not_resampled(fit: str, interpolation: str) -> None:
    data = encoded(224, 224, "JPEG")
    wanted = Preprocessing.from_json(
        {"height": 224, "width": 224, "fit": fit, "interpolation": interpolation, "crop_share": 1.0}
    )
    assert np.array_equal(decode(data, wanted), np.asarray(from_pillow(data)))


def test_a_flickr8k_picture_is_not_resampled() -> None:
    if not FLICKR8K.is_dir():
        pytest.skip(f"Flickr8k is not at {FLICKR8K}")
    for path in sorted(FLICKR8K.iterdir())[:20]:
        assert np.array_equal(decode(path, Preprocessing(224, 224)), np.asarray(Image.open(path).convert("RGB")))


def test_crop_takes_the_centre() -> None:
    stripes = np.zeros((100, 300, 3), np.uint8)
    stripes[:, 100:200] = 200
    stream = io.BytesIO()
    Image.fromarray(stripes).save(stream, "PNG")
    assert (decode(stream.getvalue(), Preprocessing(100, 100, "crop")) == 200).all()
    share = decode(stream.getvalue(), Preprocessing(50, 50, "crop", "bilinear", 0.5))
    assert share.shape == (50, 50, 3) and (share == 200).all()
    wide = decode(stream.getvalue(), Preprocessing(100, 200, "crop"))
    assert (wide[:, 55:145] == 200).all() and (wide[:, :45] == 0).all() and (wide[:, 155:] == 0).all()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 900),
    st.integers(1, 900),
    st.sampled_from(["PNG", "JPEG", "TIFF", "GIF"]),
    st.sampled_from(["squash", "crop"]),
    st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
    st.integers(1, 80),
    st.integers(1, 80),
)
def test_reading_in_strips_changes_nothing(
    height: int, width: int, name: str, fit: str, interpolation: str, wanted_h: int, wanted_w: int
) -> None:
    data = encoded(height, width, name)
    wanted = Preprocessing.from_json(
        {"height": wanted_h, "width": wanted_w, "fit": fit, "interpolation": interpolation}
    )
    at_once = decode(data, wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "_STRIP_BYTES", 1)
        assert np.array_equal(decode(data, wanted), at_once)
    assert at_once.shape == (wanted_h, wanted_w, 3)


@pytest.mark.parametrize("size", [(1, 20000), (20000, 1), (1, 1), (3, 5)])
@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_extreme_proportions(size: tuple[int, int], fit: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(stream, "PNG")
    wanted = Preprocessing.from_json({"height": 224, "width": 224, "fit": fit})
    assert (decode(stream.getvalue(), wanted) == (10, 200, 30)).all()
    assert max(from_pillow(thumbnail(stream.getvalue(), 100)).size) == min(100, max(size))


def test_a_thumbnail_is_small_plain_and_never_larger() -> None:
    data = encoded(600, 900, "JPEG")
    small = Image.open(io.BytesIO(thumbnail(data, 300)))
    assert small.format == "JPEG" and small.size == (300, 200) and small.mode == "RGB"
    assert not {"exif", "icc_profile", "comment", "xmp"} & set(small.info)
    # In grey, because JPEG halves the resolution of colour and this picture is all detail.
    theirs = from_pillow(data).resize((300, 200), Image.Resampling.LANCZOS).convert("L")
    assert np.abs(np.asarray(small.convert("L"), int) - np.asarray(theirs)).mean() < 3
    assert from_pillow(thumbnail(data, 5000)).size == (900, 600)
    assert len(thumbnail(data, 300, quality=40)) < len(thumbnail(data, 300, quality=90))
    with pytest.raises(ValueError, match="at least 1"):
        thumbnail(data, 0)


def test_preprocessing_survives_json_and_refuses_nonsense() -> None:
    wanted = Preprocessing(224, 192, "crop", "lanczos", 0.875)
    assert Preprocessing.from_json(json.loads(json.dumps(wanted.to_json()))) == wanted
    plain = wanted.to_json()
    for change in (
        {"height": 0},
        {"width": 2.5},
        {"width": True},
        {"fit": "pad"},
        {"interpolation": "cubic"},
        {"crop_share": 0},
        {"crop_share": float("nan")},
        {"mean": 0.5},
    ):
        with pytest.raises(RecipeError, match=next(iter(change))):
            Preprocessing.from_json({**plain, **change})
    with pytest.raises(RecipeError, match="width"):
        Preprocessing.from_json({"height": 3})


def zeros_png(width: int, height: int) -> bytes:
    """A PNG of 1 bit a pixel, all zeros, without ever holding its pixels."""
    deflate = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
        (b"IDAT", data),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def test_a_picture_above_the_limit_is_refused_before_its_pixels() -> None:
    data = zeros_png(30_000, 30_000)
    assert len(data) < 1_000_000
    for function in (
        read_header,
        lambda data: decode(data, Preprocessing(8, 8)),
        lambda data: thumbnail(data, 8),
    ):
        with pytest.raises(ImageError, match=r"30,000 x 30,000 .* --max-pixels") as caught:
            function(data)
        assert caught.value.code == "too_many_pixels"
    assert read_header(data, max_pixels=900_000_000).width == 30_000
    with pytest.raises(ImageError, match="--max-pixels"):
        read_header(encoded(20, 20, "BMP"), max_pixels=399)


def sparse_tiff(path: Path, width: int, height: int, rows_per_strip: int) -> None:
    """Write an uncompressed RGB TIFF of zeros whose pixels take no room on disk."""
    strips = -(-height // rows_per_strip)
    row, start = width * 3, 8
    offsets = [start + index * rows_per_strip * row for index in range(strips)]
    counts = [min(rows_per_strip, height - index * rows_per_strip) * row for index in range(strips)]
    ifd = start + height * row + (height * row) % 2
    extra = ifd + 2 + 9 * 12 + 4
    tables = struct.pack(f"<{strips}I{strips}I", *offsets, *counts)
    where = (extra + 6, extra + 6 + 4 * strips) if strips > 1 else (offsets[0], counts[0])
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, extra), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [
        (273, 4, strips, where[0]),
        (277, 3, 1, 3),
        (278, 4, 1, rows_per_strip),
        (279, 4, strips, where[1]),
    ]
    with path.open("wb") as stream:
        stream.write(struct.pack("<2sHI", b"II", 42, ifd))
        stream.seek(ifd)
        stream.write(struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags))
        stream.write(struct.pack("<IHHH", 0, 8, 8, 8) + tables)


# Not ru_maxrss: a child inherits that of the process that started it.
_PEAK = """
import sys
from pathlib import Path
from mezzetin.pixels import Preprocessing, decode
assert decode(Path(sys.argv[1]), Preprocessing(224, 224)).shape == (224, 224, 3)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("rows_per_strip", [16, 15_000], ids=["strips", "one strip"])
def test_300_megapixels_are_decoded_in_flat_memory(tmp_path: Path, rows_per_strip: int) -> None:
    path = tmp_path / "large.tif"
    sparse_tiff(path, 20_000, 15_000, rows_per_strip)
    peak = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert peak.stderr == ""
    assert int(peak.stdout) / 1024 < 450  # MiB; the picture has 858


_FORK = """
import os, signal, sys
from pathlib import Path
from mezzetin.pixels import Preprocessing, decode, thumbnail
paths = [Path(name) for name in sys.argv[1:]]
def work():
    for path in paths:
        decode(path, Preprocessing(64, 64))
        thumbnail(path, 64)
work()
assert len(os.listdir("/proc/self/task")) == 1, "threads were started"
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
signal.alarm(20)
work()
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_a_process_that_has_decoded_may_fork(tmp_path: Path) -> None:
    for name in ("PNG", "JPEG", "TIFF", "GIF", "BMP"):  # WebP can't, see the module's docstring
        (tmp_path / name).write_bytes(encoded(300, 400, name))
    tiled = pyvips.Image.new_from_array(np.zeros((300, 400, 3), np.uint8))
    (tmp_path / "tiled").write_bytes(tiled.tiffsave_buffer(tile=True, compression="deflate"))
    (tmp_path / "interlaced").write_bytes(tiled.pngsave_buffer(interlace=True))
    (tmp_path / "progressive").write_bytes(tiled.jpegsave_buffer(interlace=True))
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    environment = {
        "PATH": "",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(pixels.__file__).parents[2]),
    }
    done = subprocess.run([sys.executable, "-c", _FORK, *paths], capture_output=True, timeout=60, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
