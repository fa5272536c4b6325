"""`mezzetin inspect` from the command line: one screen, everything as JSON, a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mezzetin as face
from mezzetin.data.dataset import Dataset

Command = Callable[..., Any]
Source = Callable[..., Path]


@pytest.fixture
def dataset(mezzetin: Command, captioned: Source, tmp_path: Path) -> Path:
    """Eight pictures, of which one is missing."""
    source, folder = captioned(8), tmp_path / "dataset"
    (source / "Images" / "p0.jpg").unlink()
    assert mezzetin("ingest", source, folder).code == 1
    return folder


def test_inspect_fills_one_screen(mezzetin: Command, dataset: Path) -> None:
    answer = mezzetin("inspect", dataset)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == f"{dataset}: 7 pictures, 14 captions in en"
    assert len(lines) <= 40
    assert max(len(line) for line in lines[1:] if str(dataset) not in line) <= 110
    said = {line.split()[0]: line for line in lines if line[:1].strip()}
    assert "train 5 (and missing 1), val 2" in said["splits"]
    assert "JPEG 7" in said["pictures"] and "160 pixels wide, 120 high" in said["pictures"]
    assert "1 text at several pictures (7 captions)" in said["repeated"]
    assert "no picture is in two splits" in said["shared"]
    assert "outdoors 100 %, indoors 0 %" in said["places"]
    assert any(line.startswith("note: ") and "indoor words in 0 %" in line for line in lines)
    assert any(line.startswith("warning: ") and "missing 1" in line for line in lines)
    assert any(line.startswith("ingest: ") and "(p0.jpg)" in line for line in lines)


def test_inspect_as_json(mezzetin: Command, dataset: Path) -> None:
    answer = mezzetin("inspect", dataset, "--json", "--split", "val")
    assert answer.code == 0
    (found,) = answer.objects
    assert (found["split"], found["pictures"]["count"], found["captions"]["count"]) == ("val", 2, 4)
    assert set(found) >= {"remarks", "warnings", "pictures", "captions", "shared", "words", "themes", "ingest"}
    assert "html" not in found


def test_inspect_writes_a_page(mezzetin: Command, dataset: Path, tmp_path: Path) -> None:
    page = tmp_path / "new folder" / "page.html"
    answer = mezzetin("inspect", dataset, "--html", page)
    assert (answer.code, answer.out.splitlines()[-1]) == (0, f"page: {page}")
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") >= 5
    assert 'alt="A hill under the sky ."' in text
    (found,) = mezzetin("inspect", dataset, "--html", page, "--json").objects
    assert found["html"] == str(page)


def test_a_page_that_cannot_be_written(mezzetin: Command, dataset: Path) -> None:
    answer = mezzetin("inspect", dataset, "--html", "/proc/page.html")
    assert (answer.code, answer.out) == (3, "")
    assert "can't be written" in answer.err


@pytest.mark.parametrize(("options", "says"), [(["--split", "exam"], "it has train, val"), ([], "no finished dataset")])
def test_inspect_of_what_is_not_there(
    mezzetin: Command, dataset: Path, tmp_path: Path, options: list[str], says: str
) -> None:
    answer = mezzetin("inspect", dataset if options else tmp_path, *options)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err


def test_a_picture_that_cannot_be_decoded_any_more(
    mezzetin: Command, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    rows = Dataset.rows

    def damaged(self: Dataset, *splits: Any, **options: Any) -> Any:
        for example in rows(self, *splits, **options):
            yield replace(example, image=b"\xff\xd8\xff broken") if example.image_id == "p1.jpg" else example

    monkeypatch.setattr(Dataset, "rows", damaged)
    answer = mezzetin("inspect", dataset)
    assert answer.code == 1
    assert "1 picture can't be decoded any more: p1.jpg" in answer.out


def test_the_verb_is_on_the_face(dataset: Path) -> None:
    assert face.inspect(dataset).pictures.count == 7
