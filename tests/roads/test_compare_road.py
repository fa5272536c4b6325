"""From a dataset to a verdict: evaluate, compare and the gate as a user types them, on drawn pictures."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mezzetin import api
from mezzetin.cli import run
from mezzetin.errors import DatasetError, InputError
from mezzetin.records import Caption, ModelInfo, Progress
from mezzetin.scenes import draw_scenes

COUNT = 96


@pytest.fixture(scope="module", autouse=True)
def no_java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """METEOR takes seconds, and nothing here is about it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path_factory.mktemp("bin")))
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of scenes, and the bundled captioner's evaluation of it."""
    folder = tmp_path_factory.mktemp("road")
    draw_scenes(folder / "scenes", count=COUNT, seed=3)
    assert run(["ingest", str(folder / "scenes"), str(folder / "data"), "--json"]) == 0
    api.evaluate(folder / "data", out=folder / "judged")
    return folder


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capfd.readouterr()
    code = run([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return code, out, err


def as_json(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code, out, _ = said(capfd, *arguments, "--json")
    return code, json.loads(out)


@pytest.fixture(scope="module")
def human(place: Path) -> Path:
    """What a person wrote, as COCO's results."""
    rows = lines(place / "judged" / "captions.jsonl")
    path = place / "human.json"
    path.write_text(json.dumps([{"image_id": row["image"], "caption": row["references"][0]} for row in rows]))
    return path


def test_a_person_is_better_than_the_bundled_captioner(
    place: Path, human: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = place / "compared"
    code, text, _ = said(capfd, "compare", "bundled", human, place / "data", "--out", out)
    assert code == 0
    assert re.search(r"^human\.json is better than mezzetin-small by \d\.\d+ CIDEr-D", text, re.MULTILINE)
    assert "farthest ahead:" in text and f"page: {out / 'comparison.html'}" in text
    facts = json.loads((out / "comparison.json").read_text())
    assert [entrant["name"] for entrant in facts["entrants"]] == ["mezzetin-small", "human.json"]
    (pair,) = facts["pairs"]
    assert pair["wins"] + pair["losses"] + pair["ties"] == facts["images"]
    # The bundle is scored as evaluate scores it.
    judged = {s["name"]: s["value"] for s in json.loads((place / "judged" / "scores.json").read_text())["scores"]}
    for score in facts["entrants"][0]["scores"]:
        assert score["value"] == judged[score["name"]]
    kept = lines(out / facts["entrants"][0]["captions"])
    assert kept == [
        {key: row[key] for key in ("image", "caption", "references")}
        for row in lines(place / "judged" / "captions.jsonl")
    ]


def test_the_second_time_nothing_is_captioned_again(place: Path, human: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    first, folder = api.compare(["bundled", human], place / "data", out=tmp_path / "c", report=told.append)
    assert {step.task for step in told} == {"caption val with mezzetin-small"}
    told.clear()
    again, _ = api.compare(["bundled", human], place / "data", out=tmp_path / "c", report=told.append)
    assert told == [] and again == first
    # Another decoding is another captioner.
    other = api.load_captioner(beam=1)
    changed, _ = api.compare([other, human], place / "data", out=tmp_path / "c", report=told.append)
    assert told and changed.entrants[0].contestant.decoding != first.entrants[0].contestant.decoding
    assert str(folder) == str(tmp_path / "c")


def test_what_evaluate_kept_is_the_bundle_itself(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, facts = as_json(
        capfd, "compare", "bundled", place / "judged", place / "data", "--metric", "CIDEr-D", "--out", place / "same"
    )
    assert code == 0
    (pair,) = facts["pairs"]
    assert (pair["wins"], pair["losses"]) == (0, 0) and [own["metric"] for own in pair["differences"]] == ["CIDEr-D"]
    assert pair["differences"][0]["p"] == 1 and facts["entrants"][1]["name"] == "judged"


class Parrot:
    """Somebody's service: it says the same of every picture, and fails on some."""

    info = ModelInfo("parrot", "1", "polly", "free")

    def __init__(self, language: str = "en") -> None:
        self.language, self.seen = language, 0

    def caption(self, images: Sequence[bytes | str | Path]) -> list[Caption]:
        assert all(isinstance(image, bytes) for image in images)
        self.seen += len(images)
        return [Caption("A person on the grass.", self.language, self.info) for _ in images]


def test_any_captioner_can_be_compared_from_python(place: Path, tmp_path: Path) -> None:
    parrot = Parrot()
    found, folder = api.compare([parrot, place / "judged"], place / "data", out=tmp_path / "p")
    assert parrot.seen == found.images
    assert found.entrants[0].contestant.model == Parrot.info
    assert set(found.entrants[0].contestant.captions) == {"A person on the grass."}
    assert (folder / "parrot-polly.captions.jsonl").is_file()
    with pytest.raises(DatasetError, match="parrot writes 'de'"):
        api.compare([Parrot("de"), place / "judged"], place / "data", out=tmp_path / "q")


def test_a_file_that_does_not_cover_the_split_is_one_line(
    place: Path, human: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "half.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = [(row["image_id"], row["caption"]) for row in json.loads(human.read_text())]
        csv.writer(stream).writerows([("image", "caption"), *rows[1:], rows[1]])
    code, text, err = said(capfd, "compare", human, tmp_path / "half.csv", place / "data", "--out", tmp_path / "c")
    assert (code, text) == (2, "") and err.count("\n") == 1
    assert f"missing ({rows[0][0]})" in err and f"more than once ({rows[1][0]})" in err
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "bundled", "{data}"], "at least two"),
        (["compare", "bundled", "nowhere", "{data}"], "no bundle and no file of captions nowhere"),
        (["compare", "bundled", "bundled", "{data}", "--metric", "SPICE"], "no metric 'SPICE'"),
        (["compare", "bundled", "bundled", "{data}", "--split", "dev"], "no pictures in split 'dev'"),
        (["evaluate", "{data}", "--against", "bundled"], "--gate"),
        (["evaluate", "{data}", "--gate", "{no_worse}"], "--against MODEL"),
        (["evaluate", "{data}", "--gate", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_captioned(
    place: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (place / "no_worse.toml").write_text("[slices]\nno_worse = true\n")
    named = [word.format(data=place / "data", no_worse=place / "no_worse.toml") for word in arguments]
    code, out, err = said(capfd, *named, "--plain")
    assert (code, out) == (2, "") and err.count("\n") == 1 and words in err


def test_a_gate_that_fails_says_why_and_is_exit_1(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gate, out = tmp_path / "gate.toml", tmp_path / "e"
    gate.write_text('[floors]\n"BLEU-1" = 0.0\n"CIDEr-D" = 9.5\n')
    code, text, _ = said(capfd, "evaluate", place / "data", "--gate", gate, "--out", out)
    assert code == 1 and re.search(r"^gate failed: floors\.CIDEr-D: .*below its floor of 9\.5$", text, re.MULTILINE)
    assert "gate: 1 rules failed, 1 passed, 0 only told" in text
    kept = json.loads((out / "scores.json").read_text())["gate"]
    assert kept["passed"] is False and [rule["outcome"] for rule in kept["rules"]] == ["passed", "failed"]
    assert (out / "report.html").is_file(), "what failed is kept all the same, to be looked at"


def test_a_gate_that_holds_against_a_file_is_exit_0(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "gate.toml"
    rules.write_text('[floors]\n"BLEU-1" = 0.0\n[slices]\nno_worse = true\n')
    own = place / "judged" / "captions.jsonl"
    code, facts = as_json(capfd, "evaluate", place / "data", "--gate", rules, "--against", own, "--out", tmp_path / "e")
    assert (code, facts["gate"]["passed"]) == (0, True), facts["gate"]
    assert {rule["rule"].split(".")[0] for rule in facts["gate"]["rules"]} == {"floors", "slices"}


def test_the_other_captions_of_a_gate_must_cover_the_split(place: Path, tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("[slices]\nno_worse = true\n")
    (tmp_path / "short.json").write_text("[]")
    with pytest.raises(InputError, match="pictures missing"):
        api.evaluate(place / "data", gate=tmp_path / "gate.toml", against=tmp_path / "short.json", out=tmp_path / "f")
