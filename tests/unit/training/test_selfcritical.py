"""Sampled captions, their reward, and a stage that learns from it; killed and resumed it ends the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mezzetin.config import parse
from mezzetin.errors import RecipeError
from mezzetin.metrics.cider import CiderD
from mezzetin.records import Progress
from mezzetin.training import loop
from mezzetin.training.corpus import Corpus
from mezzetin.training.curves import draw_curves
from mezzetin.training.loop import Run, Stage
from mezzetin.training.model import CaptionModel, step_seed
from mezzetin.training.recipe import DataRecipe, Recipe, StageRecipe
from mezzetin.training.selfcritical import Reward, Samples, advantages, sample, self_critical
from mezzetin.vocabulary import END, PAD, START, UNKNOWN, Vocabulary

Model = Callable[..., CaptionModel]
NAMES = ["a", "dog", "man", "runs", "jumps", "left", "right", "in", "grass", "water"]
WORDS = Vocabulary(NAMES, "ptb-py")
LONGEST = 5


class Killed(BaseException):
    """What no code catches, like a SIGKILL."""


class Noise:
    """Features that are drawn from a picture's key."""

    def __init__(self, model: CaptionModel) -> None:
        self.shape = (model.encoder.spec.positions, model.encoder.spec.channels)

    def features(self, keys: Sequence[str], mirrored: NDArray[np.bool_], seed: int) -> Tensor:
        return self.plain(keys)

    def plain(self, keys: Sequence[str], *, mirrored: bool = False) -> Tensor:
        drawn = [np.random.default_rng(step_seed(key)).standard_normal(self.shape, np.float32) for key in keys]
        return torch.from_numpy(np.stack(drawn))

    def close(self) -> None:
        pass


def numbers(text: str) -> list[int]:
    return WORDS.encode(text.split())


def corpus() -> Corpus:
    said = [["a dog runs left", "a dog in grass"], ["a man jumps in water", "man jumps"], ["a man runs", "a man right"]]
    captions = [[numbers(caption) for caption in image] for image in said]
    other = {"left": "right", "right": "left"}
    turned = [[numbers(" ".join(other.get(w, w) for w in c.split())) for c in image] for image in said]
    return Corpus(WORDS, LONGEST, ["k0", "k1", "k2"], captions, turned, ["h1"], [[["a", "dog"]]])


def samples_of(*captions: str) -> Samples:
    said = torch.full((1, len(captions), LONGEST + 1), PAD)
    for row, caption in enumerate(captions):
        ended = [*numbers(caption.removesuffix(" .")), *([END] if caption.endswith(" .") else [])]
        said[0, row, : len(ended)] = torch.tensor(ended)
    return Samples(said)


def drawn(model: CaptionModel, temperature: float = 1.0, samples: int = 40) -> Samples:
    stage = StageRecipe(name="s", objective="self-critical", samples=samples, temperature=temperature)
    torch.manual_seed(3)
    return sample(model.decoder, Noise(model).plain(["k0", "k1"]), stage, LONGEST)


def test_samples_are_words_then_an_end_then_nothing(model: Model) -> None:
    captioner = model(len(WORDS), dropout=0.5).train()
    captioner.decoder.get_parameter("bias").data[[PAD, START, UNKNOWN, END]] = torch.tensor([9.0, 9.0, 9.0, 2.0])
    first, again = drawn(captioner), drawn(captioner)
    assert torch.equal(first.said_BKT, again.said_BKT)
    assert captioner.decoder.training
    lengths = set()
    for caption in first.said_BKT.flatten(0, 1).tolist():
        words = [number for number in caption if number != PAD]
        assert words == caption[: len(words)]
        body = words[:-1] if words[-1] == END else words
        assert body
        assert not set(body) & {PAD, START, UNKNOWN, END}
        assert len(body) <= LONGEST or words[-1] != END
        lengths.add(len(body))
    assert {1, LONGEST} < lengths
    read = first.read()
    assert set(read[..., 0].flatten().tolist()) == {START}
    assert torch.equal(read == PAD, first.said_BKT == PAD)


def test_a_low_temperature_says_the_likeliest(model: Model) -> None:
    cold = drawn(model(len(WORDS)), temperature=1e-3)
    assert all(len({tuple(caption) for caption in image}) == 1 for image in cold.said_BKT.tolist())
    warm = drawn(model(len(WORDS)), temperature=1.0)
    assert all(len({tuple(caption) for caption in image}) > 5 for image in warm.said_BKT.tolist())


def test_the_reward_is_cider_with_the_end_as_a_word() -> None:
    reward = Reward(corpus())
    found = reward.score(["k0"], np.array([False]), samples_of("a dog runs left .", "a dog runs left", "man jumps ."))
    ended = [
        [[*WORDS.decode(caption), *(["<end>"] if len(caption) <= LONGEST else [])] for caption in image]
        for image in corpus().captions
    ]
    oracle = CiderD(ended)
    said = [["a", "dog", "runs", "left", "<end>"], ["a", "dog", "runs", "left"], ["man", "jumps", "<end>"]]
    assert found[0].tolist() == pytest.approx([oracle.score(0, caption) for caption in said])
    whole, broken, wrong = found[0].tolist()
    assert whole > broken > wrong


def test_a_mirrored_picture_is_scored_by_mirrored_captions() -> None:
    reward = Reward(corpus())
    both = samples_of("a dog runs left .", "a dog runs right .")
    left, right = reward.score(["k0"], np.array([False]), both)[0].tolist()
    turned_left, turned_right = reward.score(["k0"], np.array([True]), both)[0].tolist()
    assert left > right
    assert turned_right > turned_left


def test_the_advantage_is_over_the_mean_of_the_others() -> None:
    assert advantages(torch.tensor([[1.0, 2.0, 6.0]])).tolist() == [[-3.0, -1.5, 4.5]]


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_the_loss_weighs_the_probabilities_that_were_sampled_from(model: Model, temperature: float) -> None:
    captioner = model(len(WORDS))
    said = drawn(captioner, temperature, samples=4)
    rewards = torch.arange(8.0).reshape(2, 4) ** 2
    features = Noise(captioner).plain(["k0", "k1"])
    memory = captioner.decoder.remember(features)
    state, token = torch.zeros(2, 4, *captioner.decoder.start_shape), torch.full((2, 4), START)
    total = torch.zeros(())
    for word in said.said_BKT.unbind(-1):
        logp, state, *_ = captioner.decoder.step(token, state, memory)
        logp[..., [PAD, START, UNKNOWN]] = -torch.inf
        chosen = (logp / temperature).log_softmax(-1).gather(-1, word.unsqueeze(-1)).squeeze(-1)
        total = total - (advantages(rewards) * torch.where(word == PAD, 0, chosen)).sum()
        token = word
    loss = self_critical(captioner.decoder, features, said, rewards, temperature)
    assert loss.item() == pytest.approx(total.item() / int((said.said_BKT != PAD).sum()), rel=1e-4)


class Runner:
    """Trains the same stage from the same beginning in a folder."""

    def __init__(self, folder: Path, model: Model, stage: StageRecipe) -> None:
        self.model, self.folder, self.stage = model(len(WORDS), dropout=0.1), folder, stage
        self.start = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    def train(self, name: str, report: Callable[[Progress], None]) -> dict[str, Tensor]:
        self.model.load_state_dict(self.start)
        (self.folder / name).mkdir(exist_ok=True)
        recipe = Recipe(data=DataRecipe(max_words=LONGEST), stages=(self.stage,))
        run = Run(recipe, corpus(), self.folder / name, "run", report)
        Stage(run, self.stage, self.model, Noise(self.model)).train()
        return {key: tensor.clone() for key, tensor in self.model.state_dict().items()}

    def rewards(self, name: str) -> list[float]:
        lines = (self.folder / name / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line)["reward"] for line in lines]


def stage(**changes: object) -> StageRecipe:
    settings = {"name": "s", "objective": "self-critical", "batch_images": 3, "average": 0, "learning_rate": 3e-3}
    return parse(StageRecipe, {**settings, **changes}, "a test")


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_stage_raises_the_reward(tmp_path: Path, model: Model, share: float) -> None:
    told: list[Progress] = []
    learner = stage(epochs=15, patience=15, samples=20, mirror=True, cross_entropy_share=share, learning_rate=1e-2)
    runner = Runner(tmp_path, model, learner)
    runner.train("run", told.append)
    rewards = runner.rewards("run")
    assert np.mean(rewards[-3:]) > 1.5 * np.mean(rewards[:2])
    assert any(progress.note.startswith("reward") for progress in told)
    draw_curves(tmp_path / "run" / "metrics.jsonl", tmp_path / "curves.svg")
    assert "of samples" in (tmp_path / "curves.svg").read_text()


def test_killed_in_the_middle_it_ends_bit_for_bit(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", -1)
    runner = Runner(tmp_path, model, stage(epochs=2, batch_images=1, cross_entropy_share=0.2))
    whole = runner.train("whole", lambda progress: None)

    def kill(progress: Progress) -> None:
        if progress.task.startswith("train") and progress.done == 2:
            raise Killed

    with pytest.raises(Killed):
        runner.train("cut", kill)
    cut = runner.train("cut", lambda progress: None)
    assert [name for name in whole if not torch.equal(whole[name], cut[name])] == []
    assert any(not torch.equal(whole[name], runner.start[name]) for name in whole)


def test_one_sample_has_no_others_to_compare_with() -> None:
    with pytest.raises(RecipeError, match="samples"):
        stage(samples=1)


def test_a_stage_of_cross_entropy_is_recorded_as_before() -> None:
    plain = StageRecipe(name="s").model_dump(mode="json")
    assert not {"objective", "samples", "temperature", "cross_entropy_share"} & set(plain)
    assert StageRecipe(**stage().model_dump(mode="json")) == stage()
