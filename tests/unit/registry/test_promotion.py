"""The verbs and the gate: who becomes the champion, who is refused, and what is kept of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mezzetin import api
from mezzetin.bundle import Bundle, bundled_captioner
from mezzetin.captioner import BundleCaptioner
from mezzetin.cli import run
from mezzetin.data.ingest import ingest
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.evaluation.promotion import Judges, promote_version
from mezzetin.records import Progress
from mezzetin.registry.base import ModelVersion, Registry
from mezzetin.scenes import draw_scenes

Variant = Callable[..., Bundle]
Named = Callable[[str], str]


@pytest.fixture(scope="module")
def good(variant: Variant) -> Bundle:
    return variant("good")


@pytest.fixture(scope="module")
def worse(variant: Variant) -> Bundle:
    """It stops after three words."""
    return variant("worse", max_words=3, good_endings=False)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, good: Bundle) -> Path:
    """Forty pictures whose captions are what the good one says of them, so that it is hard to beat."""
    folder = tmp_path_factory.mktemp("judges")
    draw_scenes(folder / "drawn", count=40, seed=3)
    pictures = sorted((folder / "drawn").rglob("*.jpg"))[:40]
    captioner = BundleCaptioner(good)
    with (folder / "table.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["image", "caption", "split"])
        for picture in pictures:
            (caption,) = captioner.caption([picture])
            table.writerow([picture.relative_to(folder).as_posix(), caption.text, "val"])
    ingest(folder / "table.csv", folder / "dataset")
    return folder / "dataset"


@pytest.fixture
def name(file_registry: Registry, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A name of the test's own, in the registry that the environment names."""
    monkeypatch.setenv("MEZZETIN_REGISTRY", file_registry.uri)
    return str(request.node.name)[:100].replace("[", "-").replace("]", "")


def test_the_first_champion_needs_no_judge(name: str, good: Bundle) -> None:
    made = api.register(good.folder, name, alias="champion")
    assert made.promoted
    assert made.version.aliases == ("champion",)
    assert json.loads(made.version.tags["mezzetin_promoted"])["from"] is None
    again = api.register(good.folder, name, alias="champion")
    assert again.promoted
    assert again.version.version == made.version.version


def test_who_is_worse_is_refused_and_the_findings_are_kept(
    name: str, good: Bundle, worse: Bundle, dataset: Path
) -> None:
    told: list[Progress] = []
    api.register(good.folder, name, alias="champion")
    made = api.register(worse.folder, name, alias="champion", dataset=dataset, report=told.append)
    assert not made.promoted
    assert made.lines[0].rule == "overall"
    assert made.lines[0].outcome == "failed"
    assert "caption val" in " ".join(progress.task for progress in told)
    (champion,) = api.models(f"{name}@champion")
    assert champion.digest == good.digest
    kept = json.loads(api.models(f"{name}/2")[0].tags["mezzetin_gate"])
    assert kept["passed"] is False
    assert kept["against"] == f"{name}/1"
    assert kept["failed"][0].startswith("overall: CIDEr-D is -")
    assert len(json.dumps(kept, ensure_ascii=False)) <= 900


def test_a_reason_overrules_the_gate_and_is_kept(name: str, good: Bundle, worse: Bundle, dataset: Path) -> None:
    api.register(good.folder, name, alias="champion")
    api.register(worse.folder, name)
    made = api.promote(f"{name}/2", dataset=dataset, force="shorter texts fit the labels")
    assert made.promoted
    assert any(line.outcome == "failed" for line in made.lines)
    (champion,) = api.models(f"{name}@champion")
    assert champion.version == "2"
    reason = json.loads(champion.tags["mezzetin_forced"])
    assert reason["reason"] == "shorter texts fit the labels"
    assert reason["from"] == "1"
    assert reason["by"]
    assert reason["at"].startswith("20")
    back = api.promote(f"{name}/1", dataset=dataset)
    assert back.promoted
    assert "mezzetin_forced" in api.models(f"{name}/2")[0].tags


def test_a_champion_is_judged_or_forced_before_anything_happens(name: str, good: Bundle, worse: Bundle) -> None:
    api.register(good.folder, name, alias="champion")
    with pytest.raises(InputError, match=f"beside the champion {name}/1: name pictures"):
        api.register(worse.folder, name, alias="champion")
    assert len(api.models(name)) == 1
    with pytest.raises(InputError, match="needs a reason"):
        api.register(worse.folder, name, alias="champion", force="  ")
    assert api.register(worse.folder, name, alias="challenger").promoted
    assert api.promote(f"{name}@challenger", force="a demonstration").version.aliases == ("challenger", "champion")


def test_rules_of_a_file_count_for_the_first_champion_too(
    name: str, good: Bundle, dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "gate.toml").write_text('[floors]\n"BLEU-1" = 0.99\n[calibration]\nerror = 0.0\n')
    with pytest.raises(InputError, match="judged by the gate"):
        api.register(good.folder, name, alias="champion", gate=tmp_path / "gate.toml")
    made = api.register(good.folder, name, alias="champion", gate=tmp_path / "gate.toml", dataset=dataset)
    assert not made.promoted
    assert {line.rule: line.outcome for line in made.lines} == {
        "floors.BLEU-1": "passed",
        "calibration.error": "failed",
    }
    (tmp_path / "gate.toml").write_text('[floors]\n"BLEU-1" = 0.99\n')
    assert api.promote(f"{name}/1", gate=tmp_path / "gate.toml", dataset=dataset).promoted


def test_a_champion_that_moves_while_another_is_judged_stops_the_promotion(
    name: str, file_registry: Registry, good: Bundle, worse: Bundle, dataset: Path, variant: Variant
) -> None:
    api.register(good.folder, name, alias="champion")
    third: ModelVersion = file_registry.push(variant("third"), name)
    second = file_registry.push(worse, name)

    def somebody_else(progress: Progress) -> None:
        file_registry.set_alias(name, "champion", second.version)

    with pytest.raises(EnvironmentProblem, match="moved by somebody else"):
        promote_version(file_registry, third, "champion", Judges(dataset), somebody_else)
    assert file_registry.find(name, alias="champion").version == second.version


def test_the_commands_say_it_in_lines_and_exit_codes(
    name: str, good: Bundle, worse: Bundle, dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def mezzetin(*arguments: object) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    assert mezzetin("register", good.folder, name, "--alias", "champion", "--tag", "by=Anna")[0] == 0
    code, out, _ = mezzetin("register", worse.folder, name, "--alias", "champion", "--dataset", dataset)
    assert code == 1
    assert "gate failed: overall" in out
    assert f"refused: {name}/2 is not champion; {name}/1 still is" in out
    code, out, _ = mezzetin("promote", f"{name}/2", "--dataset", dataset, "--json")
    assert (code, json.loads(out)["promoted"], json.loads(out)["gate"]["passed"]) == (1, False, False)
    code, out, _ = mezzetin("promote", f"{name}/2", "--force", "why not")
    assert code == 0
    assert f"promoted: {name}@champion is version 2, which was version 1" in out
    code, out, _ = mezzetin("models", name, "--json")
    assert [json.loads(line)["version"] for line in out.splitlines()] == ["2", "1"]
    assert "by: Anna" in mezzetin("models", f"{name}/1")[1]
    assert "by: Anna" not in mezzetin("models", f"{name}/1", "--untag", "by")[1]
    assert mezzetin("models", name, "--tag", "a=b")[0] == 2
    code, out, _ = mezzetin("pull", f"{name}@champion", tmp_path / "out")
    assert code == 0
    assert Bundle.open(tmp_path / "out").digest == worse.digest
    assert mezzetin("unregister", f"{name}/2")[0] == 2
    assert mezzetin("unregister", f"{name}@champion")[0] == 0
    assert mezzetin("unregister", f"{name}/2")[0] == 0
    code, out, err = mezzetin("pull", f"{name}/2", tmp_path / "gone")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_a_champion_that_moves_at_the_last_moment_stops_it_and_nothing_is_claimed(
    name: str, file_registry: Registry, good: Bundle, worse: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.register(good.folder, name, alias="champion")
    second = file_registry.push(worse, name)
    tag = file_registry.tag

    def somebody_else(model: str, version: str, tags: dict[str, str | None]) -> None:
        tag(model, version, tags)
        file_registry.set_alias(name, "champion", second.version)

    third = file_registry.push(bundled_captioner(), name)
    monkeypatch.setattr(file_registry, "tag", somebody_else)
    with pytest.raises(EnvironmentProblem, match="moved by somebody else"):
        promote_version(file_registry, third, "champion", Judges(force="it is Monday"), lambda progress: None)
    assert file_registry.find(name, alias="champion").version == second.version
    assert not {"mezzetin_forced", "mezzetin_promoted"} & file_registry.find(name, version=third.version).tags.keys()
