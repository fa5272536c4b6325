"""`mezzetin compare --with`: paid captioners as contestants, and nothing that was paid for is asked or lost twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin import api
from mezzetin.cli import run
from mezzetin.scenes import draw_scenes
from tests.unit.external.services import KEY, Reply, Service, azure, azure_error, served

pytest.importorskip("azure.ai.vision.imageanalysis", reason="mezzetin[azure] is not installed")

COUNT = 96


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paid")
    draw_scenes(folder / "scenes", count=COUNT, seed=3)
    api.ingest(folder / "scenes", folder / "data")
    return folder / "data"


@pytest.fixture(scope="module")
def human(data: Path) -> Path:
    """A file of captions for the split."""
    from mezzetin.data.dataset import Dataset

    rows = [row for row in Dataset.open(data).rows({"val"}, images=False) if row.captions]
    path = data.parent / "human.json"
    path.write_text(json.dumps([{"image_id": row.image_id, "caption": row.captions[0]} for row in rows]))
    return path


@pytest.fixture
def vision() -> Iterator[Service]:
    with served(azure) as service:
        yield service


@pytest.fixture(autouse=True)
def settings(vision: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "external.toml"
    path.write_text(
        f"[external.azure_vision]\nendpoint = '{vision.url}'\nkey_env = 'TEST_VISION_KEY'\nprice_per_call = 0.25\n"
        "retries = 0\n"
    )
    monkeypatch.setenv("MEZZETIN_EXTERNAL", str(path))
    monkeypatch.setenv("TEST_VISION_KEY", KEY)


def compared(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, Any]], str]:
    capfd.readouterr()
    code = run(["compare", *(str(argument) for argument in arguments), "--metric", "CIDEr-D", "--json"])
    out, err = capfd.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_a_budget_that_ends_in_the_middle_loses_nothing(
    data: Path, human: Path, vision: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    total = len(json.loads(human.read_text()))
    assert total > 6
    command = (human, data, "--with", "azure_vision", "--out", tmp_path / "c")
    code, rows, err = compared(capfd, *command, "--budget", 1)
    assert code == 2 and [line.partition(":")[0] for line in err.splitlines()] == ["azure_vision", "error"]
    assert f"azure_vision has captioned 4 of {total} pictures" in err and "budget" in err and "is kept" in err
    assert [row["external_usage"]["azure_vision"]["cost"] for row in rows if "external_usage" in row] == [1.0]
    assert len(vision.requests) == 4

    code, rows, _ = compared(capfd, *command)
    assert code == 0 and len(vision.requests) == total
    found = next(row for row in rows if "entrants" in row)
    assert [entrant["name"] for entrant in found["entrants"]] == ["human.json", "azure_vision"]
    kept = [json.loads(line) for line in (tmp_path / "c" / found["entrants"][1]["captions"]).read_text().splitlines()]
    assert len(kept) == total and {row["caption"] for row in kept} == {"a man sitting on a bench"}
    assert found["pairs"][0]["verdict"].startswith("azure_vision is worse than human.json")

    again, rows, _ = compared(capfd, *command)
    assert again == 0 and len(vision.requests) == total
    assert next(row for row in rows if "entrants" in row)["entrants"] == found["entrants"]


def test_a_picture_that_is_held_back_counts_as_silence_and_one_without_an_answer_is_asked_again(
    data: Path, human: Path, vision: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    total = len(json.loads(human.read_text()))
    vision.script = [azure_error("InvalidRequest", "ResponsibleAIPolicyViolation"), Reply(503)]
    command = (human, data, "--with", "azure_vision", "--out", tmp_path / "c")
    code, _, err = compared(capfd, *command)
    assert code == 3 and f"captioned {total - 1} of {total}" in err and "is kept" in err
    assert len(vision.requests) == total
    code, rows, _ = compared(capfd, *command)
    assert code == 0 and len(vision.requests) == total + 1
    found = next(row for row in rows if "entrants" in row)
    assert any("azure_vision has no caption for 1 pictures" in note for note in found["notes"])


def test_a_refused_key_ends_it_at_once(
    data: Path, human: Path, vision: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("TEST_VISION_KEY", "another")
    code, _, err = compared(capfd, human, data, "--with", "azure_vision", "--out", tmp_path / "c")
    assert code == 2 and "refuses the credential" in err and not (tmp_path / "c").exists()
    assert len(vision.requests) <= 8


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--budget", "1"], "are for --with"), (["--with", "nobody"], "no external captioner")]
)
def test_wrong_options_are_one_line(
    data: Path, human: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, rows, err = compared(capfd, human, human, data, *arguments)
    assert (code, [list(row) for row in rows]) == (2, [["error"]])
    assert words in err and err.count("\n") == 1
