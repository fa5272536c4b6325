"""`mezzetin caption` says how sure it is, and abstains where it was told to: an answer, and no failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.calibrated import calibrated

Command = Callable[..., Any]
Photographs = Callable[..., Path]


@pytest.fixture
def bundle(bundle_path: Path, tmp_path: Path) -> Path:
    return calibrated(bundle_path, tmp_path / "calibrated")


def test_confidence_is_printed_everywhere(
    mezzetin: Command, photographs: Photographs, bundle: Path, tmp_path: Path
) -> None:
    folder, page = photographs(2), tmp_path / "sheet.html"
    rows = mezzetin("caption", folder, "--model", bundle, "--json").objects
    answer = mezzetin("caption", folder, "--model", bundle, "--contact-sheet", page)
    assert answer.code == 0
    for row, line in zip(rows, answer.out.splitlines(), strict=True):
        assert 0 <= row["confidence"] <= 1
        assert line.startswith(f"{row['image']}: {row['caption']} (confidence {row['confidence']:.2f})")
        assert f"confidence {row['confidence'] * 100:.0f} %" in page.read_text()


def test_abstaining_is_no_failure(mezzetin: Command, photographs: Photographs, bundle: Path, tmp_path: Path) -> None:
    folder = photographs(3)
    sure = sorted(row["confidence"] for row in mezzetin("caption", folder, "--model", bundle, "--json").objects)
    least = (sure[0] + sure[1]) / 2
    asked = ("caption", folder, "--model", bundle, "--min-confidence", least)
    answer = mezzetin(*asked, "--json")
    assert answer.code == 0
    (item,) = [row for row in answer.objects if row["error"]]
    assert (item["caption"], item["confidence"], item["error"]["code"]) == (None, sure[0], "low_confidence")
    assert f"{sure[0]:g}" in item["error"]["message"]

    page = tmp_path / "sheet.html"
    plain = mezzetin(*asked, "--contact-sheet", page)
    assert plain.code == 0 and len(plain.out.splitlines()) == 3
    (line,) = [line for line in plain.out.splitlines() if "withheld" in line]
    assert line.startswith(f"{item['image']}: (withheld: {item['error']['message']})")
    assert "1 of 3 captions withheld" in plain.err and "error" not in plain.err
    assert page.read_text().count('src="data:image/jpeg') == 3

    (folder / "empty.jpg").touch()
    both = mezzetin(*asked)
    assert both.code == 1 and "1 of 4 captions withheld" in both.err


def test_without_calibration_it_is_one_line(
    mezzetin: Command, photographs: Photographs, bundle_path: Path, tmp_path: Path
) -> None:
    plain = calibrated(bundle_path, tmp_path / "plain", None)
    answer = mezzetin("caption", photographs(1), "--model", plain, "--min-confidence", 0.3)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {plain} has no calibration") and len(answer.err.splitlines()) == 1
