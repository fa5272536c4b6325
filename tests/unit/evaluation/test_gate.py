"""The gate: what passes, what fails and why, and that it stays shut where it can't see."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from mezzetin.errors import InputError, RecipeError
from mezzetin.evaluation.findings import Bin, Coverage, Estimate, Findings, Rate, Reliability
from mezzetin.evaluation.gate import GateLine, gate, gate_to_json, has_failed
from mezzetin.evaluation.judged import Judged, material_of
from mezzetin.evaluation.rules import FloorRules, GateRules, SliceRules, read_gate
from mezzetin.evaluation.run import Evaluation
from mezzetin.evaluation.slices import slices
from mezzetin.metrics import score

RECIPE = Path(__file__).parents[3] / "gates" / "flickr8k.toml"


def pictures() -> list[Judged]:
    """Forty dogs, forty people, five at night; each picture has words of its own."""
    kinds = ("a dog runs on the grass", 40), ("a man sits on a chair", 40), ("the street at night", 5)
    texts = [f"{text} near number {count}" for text, many in kinds for count in range(many)]
    return [Judged(f"{n}.jpg", text, (text, f"{text} again")) for n, text in enumerate(texts)]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    own = pictures()
    material = material_of(own)
    scores = tuple(score(material.references, material.hypotheses, protocol="p", resamples=50))
    known, bins = Estimate(0.5, 0.0, 1.0), (Bin(0, 1, 85, 0.5, Estimate(0.5, 0.4, 0.6)),)
    reliability = Reliability(0.5, known, Estimate(0.04, 0.0, 0.1), known, known, bins, (Coverage(0.5, 0.5, 0.5),))
    truth = (
        Rate("gender_wrong", "Gender stated wrongly", "How.", 3, 30, Estimate(0.1, 0.0, 0.2)),
        Rate("counts_wrong", "Counts stated wrongly", "How.", 0, 0, None),
    )
    findings = Findings(slices=slices(material, resamples=50), truth=truth, reliability=reliability)
    return Evaluation("d" * 64, "val", scores, tuple(own), "beam=3", (), findings)


@pytest.fixture(scope="module")
def same(evaluation: Evaluation) -> dict[str, str]:
    return {picture.image_id: picture.hypothesis for picture in evaluation.pictures}


def rules(tmp_path: Path, text: str) -> GateRules:
    (tmp_path / "gate.toml").write_text(text, encoding="utf-8")
    return read_gate(tmp_path / "gate.toml")


def by_rule(lines: tuple[GateLine, ...]) -> dict[str, GateLine]:
    assert all("\n" not in line.why and line.why for line in lines)
    return {line.rule: line for line in lines}


def test_floors_hold_or_say_the_numbers(evaluation: Evaluation, tmp_path: Path) -> None:
    value = evaluation.value("CIDEr-D")
    text = f'[floors]\n"CIDEr-D" = {value}\n"BLEU-4" = 1\n"ROUGE-L" = 0.2\n'
    found = by_rule(gate(evaluation, rules(tmp_path, text)))
    assert {rule: line.outcome for rule, line in found.items()} == {
        "floors.CIDEr-D": "passed",
        "floors.BLEU-4": "failed" if evaluation.value("BLEU-4") < 1 else "passed",
        "floors.ROUGE-L": "passed",
    }
    higher = by_rule(gate(evaluation, rules(tmp_path, f'[floors]\n"CIDEr-D" = {value + 0.01}\n')))["floors.CIDEr-D"]
    assert (higher.outcome, higher.found, higher.limit) == ("failed", value, value + 0.01)
    assert f"{value:.4f}" in higher.why and "below its floor" in higher.why


def test_the_low_end_of_the_interval_may_be_what_counts(evaluation: Evaluation, tmp_path: Path) -> None:
    (cider,) = (one for one in evaluation.scores if one.name == "CIDEr-D")
    assert cider.low < cider.value
    floor = f'"CIDEr-D" = {(cider.low + cider.value) / 2}\n'
    assert not has_failed(gate(evaluation, rules(tmp_path, f"[floors]\n{floor}")))
    (line,) = gate(evaluation, rules(tmp_path, f"[floors]\nlower_bound = true\n{floor}"))
    assert line.outcome == "failed" and line.found == cider.low and "low end of the interval" in line.why


def test_what_is_not_known_fails(evaluation: Evaluation, tmp_path: Path) -> None:
    blind = dataclasses.replace(
        evaluation, findings=Findings(), notes=("METEOR is left out: it needs Java, install it.",)
    )
    text = (
        "[floors]\nMETEOR = 0.2\n[slices]\nno_worse = true\n[calibration]\nerror = 0.05\n[truth]\ngender_wrong = 0.2\n"
    )
    found = by_rule(gate(blind, rules(tmp_path, text), {}))
    assert {line.outcome for line in found.values()} == {"failed"}
    assert set(found) == {"floors.METEOR", "slices", "calibration.error", "truth.gender_wrong"}
    assert "it needs Java" in found["floors.METEOR"].why


def test_calibration_and_truth_have_a_largest_value(evaluation: Evaluation, tmp_path: Path) -> None:
    text = "[calibration]\nerror = {}\n[truth]\ngender_wrong = {}\ncounts_wrong = 0.0\nhues_wrong = 0.5\n"
    loose = by_rule(gate(evaluation, rules(tmp_path, text.format(0.04, 0.1))))
    tight = by_rule(gate(evaluation, rules(tmp_path, text.format(0.03, 0.09))))
    assert [loose[rule].outcome for rule in ("calibration.error", "truth.gender_wrong")] == ["passed"] * 2
    assert [tight[rule].outcome for rule in ("calibration.error", "truth.gender_wrong")] == ["failed"] * 2
    assert "3 of 30" in tight["truth.gender_wrong"].why and "0.09 allowed" in tight["truth.gender_wrong"].why
    assert loose["truth.counts_wrong"].outcome == "told"
    unknown = loose["truth.hues_wrong"]
    assert unknown.outcome == "failed" and "it has gender_wrong, counts_wrong" in unknown.why


def test_a_slice_that_got_worse_fails_and_the_others_do_not(
    evaluation: Evaluation, same: dict[str, str], tmp_path: Path
) -> None:
    silent = [
        dataclasses.replace(p, hypothesis="a wall" if "dog" in p.hypothesis else p.hypothesis)
        for p in evaluation.pictures
    ]
    worse = dataclasses.replace(evaluation, pictures=tuple(silent))
    no_worse = rules(tmp_path, "[slices]\nno_worse = true\n")
    assert not has_failed(gate(evaluation, no_worse, same))
    found = by_rule(gate(worse, no_worse, same))
    assert found["slices.dogs"].outcome == "failed" and found["slices.people"].outcome == "passed"
    assert (found["slices.dogs"].found or 0) < -1
    assert "on 40 pictures" in found["slices.dogs"].why and "p 0.0" in found["slices.dogs"].why
    # The other way round it got better, which never fails.
    better = gate(evaluation, no_worse, {p.image_id: p.hypothesis for p in silent})
    assert not has_failed(better)


def test_a_tolerance_accepts_a_loss_for_all_or_for_one(
    evaluation: Evaluation, same: dict[str, str], tmp_path: Path
) -> None:
    silent = [dataclasses.replace(p, hypothesis="a wall") for p in evaluation.pictures]
    worse = dataclasses.replace(evaluation, pictures=tuple(silent))
    assert not has_failed(gate(worse, rules(tmp_path, "[slices]\nno_worse = true\ntolerance = 10\n"), same))
    text = "[slices]\nno_worse = true\n[slices.tolerances]\npeople = 10\nghosts = 1\n"
    found = by_rule(gate(worse, rules(tmp_path, text), same))
    assert found["slices.people"].outcome == "passed" and found["slices.dogs"].outcome == "failed"
    assert found["slices.ghosts"].outcome == "failed" and "no slice 'ghosts'" in found["slices.ghosts"].why


def test_a_small_slice_is_told_and_never_fails(evaluation: Evaluation, same: dict[str, str], tmp_path: Path) -> None:
    silent = [
        dataclasses.replace(p, hypothesis="a wall" if "night" in p.hypothesis else p.hypothesis)
        for p in evaluation.pictures
    ]
    worse = dataclasses.replace(evaluation, pictures=tuple(silent))
    found = by_rule(gate(worse, rules(tmp_path, "[slices]\nno_worse = true\n"), same))
    night = found["slices.night"]
    assert night.outcome == "told" and "5 pictures are too few" in night.why and (night.found or 0) < 0
    assert found["slices.water"].outcome == "told" and "no picture" in found["slices.water"].why


def test_a_loss_that_may_be_chance_passes(evaluation: Evaluation, same: dict[str, str], tmp_path: Path) -> None:
    first = next(p.image_id for p in evaluation.pictures if "dog" in p.hypothesis)
    shaky = [dataclasses.replace(p, hypothesis="a wall") if p.image_id == first else p for p in evaluation.pictures]
    worse = dataclasses.replace(evaluation, pictures=tuple(shaky))
    dogs = by_rule(gate(worse, rules(tmp_path, "[slices]\nno_worse = true\n"), same))["slices.dogs"]
    assert (dogs.found or 0) < 0 and dogs.outcome == "passed"


def test_without_another_model_the_slices_are_told_but_one_that_lacks_pictures_is_refused(
    evaluation: Evaluation, same: dict[str, str], tmp_path: Path
) -> None:
    no_worse = rules(tmp_path, "[slices]\nno_worse = true\n")
    (line,) = gate(evaluation, no_worse)
    assert line.outcome == "told" and "no other model" in line.why
    del same["3.jpg"]
    with pytest.raises(InputError, match=r"no caption for 1 pictures, 3\.jpg"):
        gate(evaluation, no_worse, same)
    same["3.jpg"] = "restored"


def test_the_answers_stand_in_scores_json(evaluation: Evaluation, tmp_path: Path) -> None:
    assert "gate" not in evaluation.to_json()
    lines = gate(evaluation, rules(tmp_path, '[floors]\n"BLEU-1" = 0.1\n"CIDEr-D" = 9.9\n'))
    found = json.loads(json.dumps(dataclasses.replace(evaluation, gate=lines).to_json()))["gate"]
    assert found == json.loads(json.dumps(gate_to_json(lines))) and found["passed"] is False
    assert [(rule["rule"], rule["outcome"]) for rule in found["rules"]] == [
        ("floors.BLEU-1", "passed"),
        ("floors.CIDEr-D", "failed"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[floors]\n"CIDEr" = 0.5\n', "floors: unknown metric 'CIDEr'; did you mean 'CIDEr-D'?"),
        ('[floors]\n"BLEU-1" = 62\n', "the floor of BLEU-1 can't be reached: its scale is 0 to 1, not 62"),
        ('[floors]\n"CIDEr-D" = 48.0\n', "its scale is 0 to 10, not 48"),
        ('[floors]\n"BLEU-1" = "high"\n', "floors: the floor of BLEU-1 should be a number"),
        ('[floors]\n"BLEU-1" = nan\n', "the floor of BLEU-1 should be a number"),
        ("[floors]\nlower_bound = 3\n", "floors.lower_bound"),
        ("[slices]\ntolerance = 0.1\n", "does nothing without no_worse = true"),
        ("[slices]\nno_worse = true\ntolerance = -1\n", "slices.tolerance"),
        ("[slices]\nno_wrose = true\n", "unknown key 'slices.no_wrose'; did you mean 'no_worse'?"),
        ("[calibration]\nerror = 5\n", "calibration.error"),
        ("[truth]\ngender_wrong = 20\n", "truth.gender_wrong"),
        ("[latency]\nmost = 1\n", "unknown key 'latency'"),
        ("", "there is no rule in it"),
        ("[floors]\n", "there is no rule in it"),
    ],
)
def test_rules_that_are_wrong_are_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        rules(tmp_path, text)
    assert words in str(caught.value) and "\n" not in str(caught.value) and "gate.toml" in str(caught.value)


def test_rules_can_be_made_by_hand_and_the_example_is_read() -> None:
    made = GateRules(floors=FloorRules(**{"CIDEr-D": 0.5}), slices=SliceRules(no_worse=True, tolerance=0.1))
    assert made.floors.metrics == {"CIDEr-D": 0.5} and made.slices.allowed("dogs") == 0.1
    assert read_gate(RECIPE).floors.metrics == {"CIDEr-D": 0.54, "BLEU-1": 0.65, "BLEU-4": 0.215}
