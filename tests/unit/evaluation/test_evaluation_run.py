"""Evaluations on a real small dataset: who may be judged, what is kept, and that the numbers are the metrics'."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mezzetin
from mezzetin.bundle import Bundle, image_keys, publish
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.errors import DatasetError, EnvironmentProblem
from mezzetin.evaluation.card import write_card
from mezzetin.evaluation.run import Evaluation, judge, keep
from mezzetin.metrics import score
from mezzetin.records import Progress
from mezzetin.scenes import draw_scenes
from mezzetin.text import TOKENISER, tokenise

COUNT, HELD_OUT = 24, 6
METRICS = ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr-D"]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    draw_scenes(folder, count=COUNT, seed=5)
    return folder


@pytest.fixture(scope="module")
def dataset(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("made") / "scenes.dataset"
    ingest(scenes, folder)
    return Dataset.open(folder)


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path)


@pytest.fixture(scope="module")
def evaluation(captioner: BundleCaptioner, dataset: Dataset) -> Evaluation:
    return judge(captioner, dataset, "val", with_meteor=False)


@pytest.fixture(scope="module")
def kept(evaluation: Evaluation, captioner: BundleCaptioner, dataset: Dataset, tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("kept") / "deep" / "evaluation"
    keep(evaluation, captioner, dataset, folder)
    return folder


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_picture_of_the_split_is_judged_with_its_own_references(
    evaluation: Evaluation, captioner: BundleCaptioner, dataset: Dataset
) -> None:
    rows = list(dataset.rows({"val"}))
    assert len(rows) == HELD_OUT
    assert [p.image_id for p in evaluation.pictures] == [row.image_id for row in rows]
    assert [p.references for p in evaluation.pictures] == [row.captions for row in rows]
    expected = captioner.caption([row.image for row in rows if row.image])
    assert [p.hypothesis for p in evaluation.pictures] == [caption.text for caption in expected]


def test_the_scores_carry_their_protocol_and_interval(evaluation: Evaluation, captioner: BundleCaptioner) -> None:
    assert [s.name for s in evaluation.scores] == METRICS
    for found in evaluation.scores:
        assert found.low <= found.value <= found.high
        assert len(found.per_image) == HELD_OUT
        for part in ("split=val", f"n={HELD_OUT}", "refs=5", f"tok={TOKENISER}", captioner.options.describe()):
            assert f"{part}|" in found.signature
        assert f"mezzetin={mezzetin.__version__}" in found.signature
    assert evaluation.value("CIDEr-D") == evaluation.scores[-1].value
    with pytest.raises(KeyError):
        evaluation.value("METEOR")


def test_what_is_kept_is_what_the_metrics_say_of_the_kept_captions(kept: Path, evaluation: Evaluation) -> None:
    captions = lines(kept)
    assert {path.name for path in kept.iterdir()} == {"captions.jsonl", "scores.json", "report.html"}
    assert [line["image"] for line in captions] == [p.image_id for p in evaluation.pictures]
    again = score(
        [[tokenise(reference) for reference in line["references"]] for line in captions],
        [tokenise(line["caption"]) for line in captions],
        protocol="again",
    )
    said = json.loads((kept / "scores.json").read_text())
    assert [entry["name"] for entry in said["scores"]] == METRICS
    for entry, found in zip(said["scores"], again, strict=True):
        assert (entry["value"], entry["low"], entry["high"]) == pytest.approx(
            (found.value, found.low, found.high), abs=1e-6
        )


def test_the_kept_scores_say_how_they_were_made(kept: Path, captioner: BundleCaptioner) -> None:
    said = json.loads((kept / "scores.json").read_text())
    assert (said["split"], said["images"], said["tokeniser"]) == ("val", HELD_OUT, TOKENISER)
    assert (said["model"], said["signature"]) == (captioner.info.name, captioner.info.signature)
    assert said["decoding"] == captioner.options.describe()
    assert said["mezzetin"] == mezzetin.__version__ and said["notes"] == []


def test_the_page_shows_pictures_captions_and_scores(kept: Path, evaluation: Evaluation) -> None:
    page = html.unescape((kept / "report.html").read_text(encoding="utf-8"))
    for picture in evaluation.pictures:
        assert page.count(picture.hypothesis) >= 1 and picture.image_id in page
    assert all(reference in page for reference in evaluation.pictures[0].references)
    assert page.count("data:image/jpeg;base64,") >= HELD_OUT
    assert f"{evaluation.value('CIDEr-D'):.3f}" in page
    order = np.argsort([-value for value in evaluation.scores[-1].per_image], kind="stable")
    names = re.findall(r"scene_\d{4}\.jpg", page[page.index("Best pictures") :])
    assert names[0] == evaluation.pictures[order[0]].image_id
    assert names[-1] == evaluation.pictures[order[0]].image_id, "the worst six are all six, the best one last"


def test_judging_again_says_the_same_and_reports_progress(
    evaluation: Evaluation, captioner: BundleCaptioner, dataset: Dataset
) -> None:
    steps: list[Progress] = []
    assert judge(captioner, dataset, "val", with_meteor=False, report=steps.append) == evaluation
    captioned = [step for step in steps if step.task == "caption val"]
    assert [(step.done, step.total) for step in captioned] == [(n, HELD_OUT) for n in range(1, HELD_OUT + 1)]


def refusal(captioner: BundleCaptioner, dataset: Dataset, split: str = "val") -> str:
    with pytest.raises(DatasetError) as caught:
        judge(captioner, dataset, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def trained_on(bundle_path: Path, target: Path, sha256: list[str]) -> BundleCaptioner:
    """The captioner, but for its memory of the pictures that it was trained on."""
    stream = io.BytesIO()
    np.save(stream, np.unique(image_keys(sha256)))
    return BundleCaptioner(publish(Bundle.open(bundle_path), target, {"training_images.npy": stream.getvalue()}))


@pytest.mark.parametrize("known", [1, HELD_OUT])
def test_pictures_that_it_was_trained_on_are_refused(
    bundle_path: Path, dataset: Dataset, tmp_path: Path, known: int
) -> None:
    sums = [row.sha256 or "" for row in dataset.rows({"val"}, images=False)]
    others = [row.sha256 or "" for row in dataset.rows({"train"}, images=False)]
    captioner = trained_on(bundle_path, tmp_path / "b", sums[:known] + others)
    said = refusal(captioner, dataset)
    assert f"trained on {known} of the {HELD_OUT} pictures of split 'val'" in said and "choose a split" in said
    unharmed = trained_on(bundle_path, tmp_path / "c", others)
    assert judge(unharmed, dataset, "val", with_meteor=False).split == "val"


def test_another_language_is_refused_but_not_another_region(
    captioner: BundleCaptioner, scenes: Path, tmp_path: Path
) -> None:
    ingest(scenes, tmp_path / "german", language="de")
    said = refusal(captioner, Dataset.open(tmp_path / "german"))
    assert "'de'" in said and repr(captioner.bundle.language) in said
    ingest(scenes, tmp_path / "british", language="en-GB")
    assert len(judge(captioner, Dataset.open(tmp_path / "british"), "val", with_meteor=False).pictures) == HELD_OUT


@pytest.mark.parametrize("split", ["test", "dev", ""])
def test_a_split_without_pictures_is_refused_with_those_that_have_some(
    captioner: BundleCaptioner, dataset: Dataset, split: str
) -> None:
    said = refusal(captioner, dataset, split)
    assert f"no pictures in split {split!r}: it has " in said
    assert {"train", "val"} == set(said.rpartition("it has ")[2].split(", "))


def test_without_java_meteor_is_absent_and_says_why(
    captioner: BundleCaptioner, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = judge(captioner, dataset, "val")
    assert [s.name for s in found.scores] == METRICS
    assert len(found.notes) == 1 and found.notes[0].startswith("METEOR is left out: it needs ")
    assert found.to_json()["notes"] == list(found.notes)


@pytest.mark.usefixtures("one_java")
def test_with_java_meteor_stands_beside_the_others(captioner: BundleCaptioner, dataset: Dataset) -> None:
    pytest.importorskip("pycocoevalcap")
    if shutil.which("java") is None:
        pytest.skip("there is no java on the PATH")
    found = judge(captioner, dataset, "val")
    assert [s.name for s in found.scores] == [*METRICS, "METEOR"] and found.notes == ()
    assert 0 < found.value("METEOR") < 1


def test_a_folder_that_cannot_be_written_is_one_line(
    evaluation: Evaluation, captioner: BundleCaptioner, dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EnvironmentProblem, match="can't be written") as caught:
        keep(evaluation, captioner, dataset, tmp_path / "file" / "evaluation")
    assert "\n" not in str(caught.value)


def test_keeping_again_replaces_what_was_kept(
    evaluation: Evaluation, captioner: BundleCaptioner, dataset: Dataset, kept: Path, tmp_path: Path
) -> None:
    shutil.copytree(kept, tmp_path / "again")
    (tmp_path / "again" / "captions.jsonl").write_text("of an earlier run")
    keep(evaluation, captioner, dataset, tmp_path / "again")
    for path in kept.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_the_card_names_terms_numbers_and_protocol(captioner: BundleCaptioner, evaluation: Evaluation) -> None:
    card = write_card(captioner.bundle, evaluation)
    info, training = captioner.info, captioner.bundle.manifest["training"]
    assert card.startswith(f"# {info.name} {info.version}\n")
    assert f"Licence of the model: {info.licence}." in card and f"{training['images']:,} pictures" in card
    for found in evaluation.scores:
        assert f"| {found.name} | {found.value:.3f} | {found.low:.3f} to {found.high:.3f} |" in card
    protocol = card[card.index("Protocol: `") :].partition("`.")[0]
    assert f"split=val|n={HELD_OUT}|" in protocol and protocol.endswith(f"mezzetin={mezzetin.__version__}")


def test_a_card_without_an_evaluation_says_so(captioner: BundleCaptioner) -> None:
    assert "Not evaluated: the dataset has no pictures in split `val`." in write_card(captioner.bundle, None)
