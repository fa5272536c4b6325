"""What a sweep remembers: the same values whoever draws them, nothing twice, nothing lost; and what it writes of it."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import Study

from mezzetin.errors import EnvironmentProblem, RecipeError
from mezzetin.training.ranges import Range, with_values
from mezzetin.training.recipe import Recipe, StageRecipe, learning_part, read_recipe
from mezzetin.training.sweep.drawing import draw_curve, draw_sweep
from mezzetin.training.sweep.importance import importances
from mezzetin.training.sweep.leaves import to_toml, write_recipe, write_trials
from mezzetin.training.sweep.ledger import BEFORE_PRUNING, EPOCHS_UNPRUNED, Ledger, Pruned
from mezzetin.training.sweep.trial import Trial

SPACE = {
    "rate": FloatDistribution(1e-4, 1e-2, log=True),
    "width": CategoricalDistribution([64, 128]),
    "layers": IntDistribution(1, 4),
}


class Killed(BaseException):
    """What no code catches, like a SIGKILL."""


def worth(values: dict[str, Any]) -> float:
    return float(values["layers"] + values["rate"] * 10)


def finish(ledger: Ledger, count: int) -> None:
    for _ in range(count):
        attempt = ledger.begin(SPACE)
        attempt.report(0, 0, worth(attempt.values), prune=False)
        attempt.end("complete", attempt.best(0), epochs=1, seconds=0.5, pictures=9)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Ledger]]:
    """Open the ledger of a folder as a new process would."""
    held: list[Ledger] = []

    def make(name: str = "sweep", seed: int = 0) -> Ledger:
        (tmp_path / name).mkdir(exist_ok=True)
        held.append(Ledger(tmp_path / name, "sweep", seed))
        return held[-1]

    yield make
    for ledger in held:
        ledger.close()


def test_many_processes_draw_what_one_draws(opened: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch) -> None:
    # More than the ten that are drawn at random: the rest depends on all before it.
    finish(opened("one"), 12)
    finish(opened("many"), 2)
    for number in (2, 3, 10, 11):
        ledger = opened("many")
        finish(ledger, number - len(ledger.trials()))
        if number in (2, 11):
            # Killed between two values of a trial, before the first training.
            left = [2]

            def die(self: Ledger, *rest: Any, left: list[int] = left, drawn: Any = Ledger._value) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    raise Killed
                return drawn(self, *rest)

            with monkeypatch.context() as patch, pytest.raises(Killed):
                patch.setattr(Ledger, "_value", die)
                ledger.begin(SPACE)
            ledger = opened("many")
        finish(ledger, 1)
    one, many = opened("one").trials(), opened("many").trials()
    assert one == many
    assert len({trial.values["rate"] for trial in one}) == 12
    finish(opened("other", seed=1), 1)
    assert opened("other", seed=1).trials()[0].values != one[0].values


def test_a_trial_under_way_is_gone_on_with(opened: Callable[..., Ledger]) -> None:
    first = opened().begin(SPACE, {"rate": 1e-3, "width": 64, "layers": 2})
    first.report(0, 0, 0.2, prune=False)
    again = opened().begin(SPACE, {"rate": 1e-4, "width": 128, "layers": 4})
    assert (again.number, again.values) == (0, {"rate": 1e-3, "width": 64, "layers": 2})
    # An epoch that is repeated after a kill is not reported twice.
    again.report(0, 0, 0.2, prune=False)
    again.report(1, 0, 0.1, prune=False)
    again.report(1, 1, 0.15, prune=False)
    assert again.best(1) == 0.15
    again.end("failed", reason="it diverged", epochs=3)
    trials = opened().trials()
    assert trials == [Trial(0, "failed", 0.2, first.values, epochs=3, reason="it diverged")]
    assert opened().begin(SPACE).number == 1


def test_a_trial_below_the_median_is_pruned_but_not_at_once(opened: Callable[..., Ledger]) -> None:
    ledger = opened()
    for _ in range(BEFORE_PRUNING):
        attempt = ledger.begin(SPACE)
        for epoch in range(4):
            attempt.report(0, epoch, 0.5 + epoch / 10, prune=True)
        attempt.end("complete", attempt.best(0))
    attempt = ledger.begin(SPACE)
    for epoch in range(EPOCHS_UNPRUNED):
        attempt.report(0, epoch, 0.1, prune=True)
    with pytest.raises(Pruned):
        attempt.report(0, EPOCHS_UNPRUNED, 0.1, prune=True)
    attempt.end("pruned", epochs=3)
    assert (ledger.trials()[-1].state, ledger.trials()[-1].score) == ("pruned", 0.1)
    better = ledger.begin(SPACE)
    for epoch in range(4):
        better.report(0, epoch, 0.9, prune=True)


def test_a_ledger_of_something_else_is_refused(opened: Callable[..., Ledger], tmp_path: Path) -> None:
    opened().claim({"recipe": "a", "dataset": "d"})
    opened().claim({"recipe": "a", "dataset": "d"})
    with pytest.raises(RecipeError, match="another dataset: name another folder"):
        opened().claim({"recipe": "a", "dataset": "e"})
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "sweep.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(RecipeError, match="is no sweep's"):
        opened("none")


@pytest.mark.parametrize("name", ["with space", "what?x=1", "100%41", "näh#"])
def test_a_folder_may_have_any_name(opened: Callable[..., Ledger], tmp_path: Path, name: str) -> None:
    finish(opened(name), 1)
    assert (tmp_path / name / "sweep.db").stat().st_size > 0


def test_a_full_disk_is_one_line(small_disk: Callable[[str], Path]) -> None:
    disk = small_disk("64k")
    with pytest.raises(EnvironmentProblem, match=r"sweep\.db can't be written") as caught:
        Ledger(disk, "sweep")
    assert "\n" not in str(caught.value)
    small_disk("4m")
    with closing(Ledger(disk, "sweep")) as ledger:
        finish(ledger, 1)


def test_what_mattered_is_told_once_there_is_enough(opened: Callable[..., Ledger], tmp_path: Path) -> None:
    ledger = opened()
    study: Study = ledger.study
    finish(ledger, 3)
    assert importances(study, ledger.trials())[0] == {}
    for number in range(12):
        # By hand: what the search settles on soon explains nothing any more.
        attempt = ledger.begin(SPACE, {"rate": 1e-2 / (number + 1), "width": 64, "layers": 1 + number % 4})
        attempt.end("complete", worth(attempt.values))
    shares, method = importances(study, ledger.trials())
    assert method in ("PED-ANOVA", "fANOVA")
    assert next(iter(shares)) == "layers"
    assert sum(shares.values()) == pytest.approx(1)
    ranges = {
        "rate": Range(low=1e-4, high=1e-2, log=True),
        "width": Range(choices=(64, 128)),
        "layers": Range(low=1, high=4),
    }
    draw_sweep(ledger.trials(), ranges, shares, method, tmp_path / "one.svg")
    draw_sweep(ledger.trials(), ranges, shares, method, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    text = (tmp_path / "one.svg").read_text()
    assert all(word in text for word in ("what mattered", "layers", "rate", "width", method, "best"))
    # A dot a trial in each of the three panels, and one a kind in the legend.
    assert text.count("<use ") >= 3 * 15


def test_a_drawing_of_one_trial_and_of_ranges_of_one_value(tmp_path: Path) -> None:
    trials = [Trial(0, "pruned", 0.1, {"a": 1.0, "b": 2.0}), Trial(1, "failed", None, {"a": 1.0, "b": 2.0})]
    ranges = {"a": Range(low=1, high=1), "b": Range(low=2, high=2, log=True)}
    draw_sweep(trials, ranges, {}, "PED-ANOVA", tmp_path / "sweep.svg")
    assert "nothing to be told yet" in (tmp_path / "sweep.svg").read_text()
    draw_curve([Trial(0, "complete", 0.25, {"data.share": 1.0}, pictures=1200)], tmp_path / "curve.svg")
    assert "1,200" in (tmp_path / "curve.svg").read_text()


def test_trials_as_a_table(tmp_path: Path) -> None:
    odd = 'it said "no", and left'
    trials = [
        Trial(0, "complete", 0.5, {"a": 1e-3, "b": "merge"}, epochs=2, seconds=1.26, pictures=8),
        Trial(1, "failed", None, {"a": 1}, reason=odd),
    ]
    write_trials(trials, ["a", "b"], tmp_path / "trials.csv")
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert rows[0] == {
        "trial": "0",
        "state": "complete",
        "cider_d": "0.5",
        "epochs": "2",
        "seconds": "1.3",
        "pictures": "8",
        "a": "0.001",
        "b": "merge",
        "reason": "",
    }
    assert (rows[1]["reason"], rows[1]["b"], rows[1]["cider_d"]) == (odd, "", "")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = TEXTS | st.integers(-(2**53), 2**53) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = PLAIN | st.lists(PLAIN)
TABLES = st.dictionaries(TEXTS, VALUES | st.dictionaries(TEXTS, VALUES))


@settings(max_examples=50)
@given(st.dictionaries(TEXTS, VALUES | TABLES | st.lists(TABLES, min_size=1)))
def test_what_is_written_as_toml_is_read_again(values: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(values)) == values


@pytest.mark.parametrize("name", ["attention", "small", "transformer", "tutorial"])
def test_the_best_recipe_is_a_recipe(tmp_path: Path, name: str) -> None:
    path = Path(__file__).parents[3] / "recipes" / f"{name}.toml"
    recipe = read_recipe(path)
    changed = with_values(recipe, {f"stages.{recipe.stages[0].name}.epochs": 3, "decoder.dropout": 0.25})
    write_recipe(changed, "the best of many", tmp_path / "best.toml")
    again = read_recipe(tmp_path / "best.toml")
    assert learning_part(again) == learning_part(changed)
    assert (again.encoder, again.words, again.licence_file) == (recipe.encoder, recipe.words, recipe.licence_file)
    assert (again.stages[0].epochs, again.decoder.dropout, again.sweep) == (3, 0.25, {})


def test_defaults_are_not_said(tmp_path: Path) -> None:
    write_recipe(Recipe(stages=(StageRecipe(name="s", epochs=3),)), "made", tmp_path / "r.toml")
    assert (tmp_path / "r.toml").read_text() == '# made\n\n[[stages]]\nname = "s"\nepochs = 3\n'
