"""What stands in the way of Spark is one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mezzetin import api
from mezzetin.errors import DatasetError
from mezzetin.scenes import draw_scenes
from mezzetin.spark.reading import dataset_pictures
from mezzetin.storage.paths import Place

pytest.importorskip("pyspark")

Photographs = Callable[..., Path]
WITHOUT_PYSPARK = "import sys; sys.modules['pyspark'] = None; from mezzetin.cli import main; main()"
AS_EVER = "from mezzetin.cli import main; main()"


def said(program: str, *words: object, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("program", "environment", "told"),
    [
        (WITHOUT_PYSPARK, {}, "pip install 'mezzetin[spark]'"),
        (AS_EVER, {"PATH": "/nowhere", "JAVA_HOME": ""}, "Spark needs Java 17, and there is none here"),
    ],
)
def test_what_is_not_installed(
    photographs: Photographs, tmp_path: Path, program: str, environment: dict[str, str], told: str
) -> None:
    words = ("caption", photographs(2), "--spark", "local", "--table", tmp_path / "table", "--plain")
    code, line = said(program, *words, **environment)
    assert code == 3 and told in line and line.count("\n") == 1
    assert not (tmp_path / "table").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--spark", "nowhere://x", "--table", "t"), "nowhere://x"),
        (("--spark", "local", "--delta"), "--table"),
        (("--table", "t"), "add --spark"),
    ],
)
def test_what_was_asked_wrongly(photographs: Photographs, words: tuple[str, ...], told: str) -> None:
    code, line = said(AS_EVER, "caption", photographs(1), *words, "--plain")
    assert code in (2, 3) and told in line and "Traceback" not in line


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    draw_scenes(tmp_path / "drawn", count=8)
    api.ingest(tmp_path / "drawn", tmp_path / "dataset")
    with pytest.raises(DatasetError, match="no pictures in split 'validation': it has train"):
        dataset_pictures(None, Place.of(tmp_path / "dataset"), "validation")
