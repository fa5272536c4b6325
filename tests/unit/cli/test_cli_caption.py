"""`mezzetin caption` on good and bad files."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mezzetin.bundle import Bundle, bundled_captioner
from mezzetin.cli.captioning import UNLIKE_NOTE, caption_to_json
from mezzetin.pixels import DEFAULT_MAX_PIXELS
from mezzetin.records import Alternative, Caption, ItemError, ModelInfo, Token

KEYS = ["image", "caption", "language", "confidence", "alternatives", "unlike_training", "model", "error"]
Command = Callable[..., Any]
Photographs = Callable[..., Path]


def enormous_png(path: Path) -> Path:
    """A valid PNG of 30,000 x 30,000 black pixels, one bit each."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    side = 30_000
    rows = zlib.compress(bytes((side // 8 + 1) * side), 1)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


def test_a_line_a_picture_and_the_licence_once(mezzetin: Command, photographs: Photographs, bundle_path: Path) -> None:
    folder = photographs(3)
    answer = mezzetin("caption", folder, "--model", bundle_path)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [str(folder / f"p{number}.jpg") for number in range(3)]
    assert all(line.partition(": ")[2] for line in lines)
    info = Bundle.open(bundle_path).info
    said = [line for line in answer.err.splitlines() if not line.startswith("caption: ")]
    assert len(said) == 1 and said[0].startswith(f"model {info.name} {info.version}, licence {info.licence}")


def test_without_a_model_it_is_the_bundled_one(mezzetin: Command, photographs: Photographs) -> None:
    answer = mezzetin("caption", photographs(1), "--json")
    assert answer.code == 0
    assert [row["model"]["signature"] for row in answer.objects] == [bundled_captioner().info.signature]


def test_alternatives_are_indented_below(mezzetin: Command, photographs: Photographs, bundle_path: Path) -> None:
    folder = photographs(1)
    text = mezzetin("caption", folder, "--alternatives", 2, "--model", bundle_path).out.splitlines()
    (row,) = mezzetin("caption", folder, "--alternatives", 2, "--model", bundle_path, "--json").objects
    assert len(row["alternatives"]) == 2
    assert text[1:] == [f"    {other['text']}" for other in row["alternatives"]]
    note = f" {UNLIKE_NOTE}" if row["unlike_training"] >= 0.5 else ""
    sure = "" if row["confidence"] is None else f" (confidence {row['confidence']:.2f})"
    assert text[0] == f"{row['image']}: {row['caption']}{sure}{note}"


def test_bad_files_are_rows_and_their_neighbours_are_captioned(
    mezzetin: Command, photographs: Photographs, bundle_path: Path, tmp_path: Path
) -> None:
    folder = photographs(2)
    (folder / "cut.jpg").write_bytes((folder / "p0.jpg").read_bytes()[:-900])
    (folder / "empty.jpg").touch()
    enormous_png(folder / "enormous.png")
    (folder / "letter.jpg").write_text("Dear Sir or Madam")
    missing = tmp_path / "nowhere.jpg"

    answer = mezzetin("caption", folder, missing, "--model", bundle_path, "--json")
    assert answer.code == 1
    assert {Path(row["image"]).name: row["error"] and row["error"]["code"] for row in answer.objects} == {
        "cut.jpg": "undecodable",
        "empty.jpg": "empty",
        "enormous.png": "too_many_pixels",
        "letter.jpg": "unsupported_format",
        "p0.jpg": None,
        "p1.jpg": None,
        "nowhere.jpg": "missing",
    }
    assert all(list(row) == KEYS for row in answer.objects)
    assert all((row["caption"] is None) == (row["error"] is not None) for row in answer.objects)
    assert [line for line in answer.err.splitlines() if not line.startswith("caption: ")] == []

    plain = mezzetin("caption", folder, missing, "--model", bundle_path)
    assert plain.code == 1
    assert len(plain.out.splitlines()) == 2
    errors = plain.err.splitlines()[:-1]
    assert [line.partition(": error: ")[0] for line in errors] == [
        str(folder / name) for name in ("cut.jpg", "empty.jpg", "enormous.png", "letter.jpg")
    ] + [str(missing)]
    assert all(line.partition(": error: ")[2] for line in errors)


def test_every_picture_too_large(mezzetin: Command, photographs: Photographs, bundle_path: Path) -> None:
    answer = mezzetin("caption", photographs(2), "--max-pixels", 1000, "--model", bundle_path, "--json")
    assert answer.code == 1
    assert [row["error"]["code"] for row in answer.objects] == ["too_many_pixels"] * 2


def test_the_help_names_the_limit_that_holds(mezzetin: Command) -> None:
    words = " ".join(mezzetin("caption", "--help").out.split())
    assert f"Default: {DEFAULT_MAX_PIXELS // 10**6} million." in words


def test_names_are_data(mezzetin: Command, photographs: Photographs, bundle_path: Path) -> None:
    folder = photographs(1)
    names = ["[red]markup[blink].jpg", "two\nlines.jpg", "\x1b[31mred.jpg", os.fsdecode(b"caf\xe9.jpg"), "été.jpg"]
    for name in names:
        shutil.copy(folder / "p0.jpg", folder / name)
    (folder / "p0.jpg").unlink()

    answer = mezzetin("caption", folder, "--model", bundle_path, "--json")
    assert [Path(row["image"]).name for row in answer.objects] == sorted(names)

    plain = mezzetin("caption", folder, "--model", bundle_path)
    printed = [line.removeprefix(f"{folder}{os.sep}").partition(": ")[0] for line in plain.out.splitlines()]
    assert printed == ["\\x1b[31mred.jpg", "[red]markup[blink].jpg", "caf\\udce9.jpg", "two\\nlines.jpg", "été.jpg"]


def test_json_for_a_stdout_that_is_no_utf8(
    start: Callable[..., Any], photographs: Photographs, bundle_path: Path
) -> None:
    folder = photographs(1)
    (folder / "p0.jpg").rename(folder / "été.jpg")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    process = start("caption", folder, "--model", bundle_path, "--json", env=environment)
    out, err = process.communicate()
    assert Path(json.loads(out)["image"]).name == "été.jpg"
    # On a busy machine it takes long enough for a line of progress.
    assert [line for line in err.splitlines() if not line.startswith("caption: ")] == []


def test_a_contact_sheet(mezzetin: Command, photographs: Photographs, bundle_path: Path, tmp_path: Path) -> None:
    folder, page = photographs(2), tmp_path / "sheet.html"
    (folder / "empty.jpg").touch()
    answer = mezzetin("caption", folder, "--model", bundle_path, "--contact-sheet", page)
    assert answer.code == 1
    html = page.read_text()
    assert html.count('src="data:image/jpeg') == 2
    assert "empty.jpg" in html
    assert f"contact sheet: {page}" in answer.err


def test_a_contact_sheet_never_overwrites_a_picture(
    mezzetin: Command, photographs: Photographs, bundle_path: Path
) -> None:
    folder = photographs(2)
    before = (folder / "p0.jpg").read_bytes()
    answer = mezzetin("caption", "--contact-sheet", folder / "p0.jpg", folder / "p1.jpg", "--model", bundle_path)
    assert (answer.code, answer.out) == (2, "")
    assert "ends in .html" in answer.err
    assert (folder / "p0.jpg").read_bytes() == before


@pytest.mark.parametrize(("page", "code"), [("nowhere/sheet.html", 2), ("/proc/sheet.html", 3)])
def test_a_contact_sheet_that_cannot_be_written(
    mezzetin: Command, photographs: Photographs, bundle_path: Path, tmp_path: Path, page: str, code: int
) -> None:
    answer = mezzetin("caption", photographs(1), "--model", bundle_path, "--contact-sheet", tmp_path / page)
    assert answer.code == code
    assert answer.err.splitlines()[-1].startswith("error: ")
    assert "written" in answer.err.splitlines()[-1]


def test_an_empty_folder(mezzetin: Command, tmp_path: Path, bundle_path: Path) -> None:
    plain = mezzetin("caption", tmp_path, "--model", bundle_path)
    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith(f"error: {tmp_path} holds no pictures")
    answer = mezzetin("caption", tmp_path, "--model", bundle_path, "--json")
    assert answer.code == 2
    assert answer.objects == [{"error": {"message": plain.err.removeprefix("error: ").rstrip("\n")}}]


def newer(folder: Path) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**manifest, "version": manifest["version"] + 1}))


def incomplete(folder: Path) -> None:
    (folder / "vocabulary.json").unlink()


def altered(folder: Path) -> None:
    content = bytearray((folder / "decoder.onnx").read_bytes())
    content[-1] ^= 1
    (folder / "decoder.onnx").write_bytes(content)


def absent(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("harm", "says"),
    [(newer, "update"), (incomplete, "vocabulary.json"), (altered, "decoder.onnx"), (absent, "no bundle")],
)
def test_a_bundle_that_cannot_be_used(
    mezzetin: Command,
    photographs: Photographs,
    bundle_path: Path,
    tmp_path: Path,
    harm: Callable[[Path], None],
    says: str,
) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(bundle_path, copy)
    harm(copy)
    answer = mezzetin("caption", photographs(1), "--model", copy)
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert answer.err.startswith("error: ")
    assert says in answer.err


def test_every_field_has_its_place_in_the_object() -> None:
    model = ModelInfo("m", "7", "abc", "free")
    row = Caption(
        "A dog.", "en", model, 0.5, 0.25, (Alternative("A cat.", -3.5),), (Token("a", 0.9),), ItemError("empty", "no")
    )
    assert caption_to_json("a.jpg", row) == {
        "image": "a.jpg",
        "caption": "A dog.",
        "language": "en",
        "confidence": 0.5,
        "alternatives": [{"text": "A cat.", "log_probability": -3.5}],
        "unlike_training": 0.25,
        "model": {"name": "m", "version": "7", "signature": "abc", "licence": "free"},
        "error": {"code": "empty", "message": "no"},
    }
