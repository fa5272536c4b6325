"""The parts that ranks have of a batch, which add up to what one process does, and what ranks say to each other."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mezzetin.errors import EnvironmentProblem
from mezzetin.training.batches import Batch, epoch_batches
from mezzetin.training.cache import RowCache
from mezzetin.training.corpus import Corpus
from mezzetin.training.decoders import DECODERS, Decoder
from mezzetin.training.model import CaptionModel
from mezzetin.training.objectives import Objective
from mezzetin.training.pictures import FrozenPictures, LivePictures
from mezzetin.training.ranks import ALONE, Ranks, joined
from mezzetin.training.recipe import DecoderRecipe, StageRecipe
from mezzetin.training.selfcritical import sample, self_critical
from mezzetin.vocabulary import Vocabulary

WORDS, POSITIONS, CHANNELS = 20, 4, 8
KEYS = [f"k{number}" for number in range(7)]


@given(st.integers(0, 200), st.integers(1, 9))
def test_every_row_is_in_the_share_of_one_rank(rows: int, count: int) -> None:
    shares = [list(range(rows))[Ranks(rank, count).share(rows)] for rank in range(count)]
    assert [row for share in shares for row in share] == list(range(rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_seeds_of_the_ranks_differ_and_the_first_has_that_of_a_process_alone() -> None:
    seeds = [Ranks(rank, 3).seed(11) for rank in range(3)]
    assert seeds[0] == ALONE.seed(11) == 11
    assert len(set(seeds)) == 3


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    """Features of seven pictures and of their mirror images."""
    held = RowCache(tmp_path, "features", capacity=7, shape=(2, POSITIONS, CHANNELS), dtype=np.float16)
    held.write(KEYS, np.random.default_rng(1).standard_normal((7, *held.shape)))
    yield held
    held.close()


@pytest.fixture
def corpus() -> Corpus:
    """Seven pictures with one to three captions of two to seven words."""
    lengths = [[2 + (2 * n + k) % 6 for k in range(1 + n % 3)] for n in range(7)]
    captions = [[[4 + (n + t) % 10 for t in range(length)] for length in own] for n, own in enumerate(lengths)]
    words = Vocabulary([f"w{n}" for n in range(WORDS - 4)], "ptb-py")
    return Corpus(words, 8, KEYS, captions, captions, ["held"], [[["w1"]]])


def decoder(kind: str) -> Decoder:
    torch.manual_seed(3)
    sizes = {"transformer": {"heads": 2, "feed_forward": 16}, "merge": {"layers": 2}}.get(kind, {})
    recipe = DecoderRecipe(**{"kind": kind, "width": 16, "dropout": 0.0, **sizes})
    return DECODERS[kind](recipe, WORDS, CHANNELS, POSITIONS)


def gradients(parts: list[Tensor], of: Decoder) -> dict[str, Tensor]:
    of.zero_grad()
    for part in parts:
        part.backward()  # type: ignore[no-untyped-call]
    return {name: p.grad.clone() for name, p in of.named_parameters() if p.grad is not None}


def stage(**changes: object) -> StageRecipe:
    return StageRecipe(**{"name": "s", "batch_images": 7, "captions_per_image": 3, "mirror": True, **changes})


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("count", [2, 9])
def test_the_parts_of_the_cross_entropy_add_up_to_that_of_the_batch(
    cache: RowCache, corpus: Corpus, kind: str, count: int
) -> None:
    one = decoder(kind)
    (batch,) = epoch_batches(corpus, stage(), seed=1, epoch=0)

    def parts(ranks: list[Ranks]) -> tuple[list[Tensor], list[float]]:
        both = [Objective(stage(), corpus, one, r).part(batch, FrozenPictures(cache, r)) for r in ranks]
        return [part for part, _ in both], [figure for _, figure in both]

    whole, (loss,) = parts([ALONE])
    shared, losses = parts([Ranks(rank, count) for rank in range(count)])
    assert sum(losses) == pytest.approx(loss, abs=1e-5)
    # A mean of the parts' means would be another: their captions are not equally long.
    assert max(losses) - min(losses) > 1e-3
    expected, found = gradients(whole, one), gradients(shared, one)
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        assert torch.allclose(found[name], gradient, atol=1e-6), name


def test_the_parts_of_the_self_critical_loss_add_up_to_that_of_the_batch(cache: RowCache) -> None:
    one, drawn = decoder("transformer"), FrozenPictures(cache).plain(KEYS)
    torch.manual_seed(1)
    samples = sample(one, drawn, stage(objective="self-critical", samples=3), 8)
    rewards = torch.rand(7, 3)

    def part(rows: slice) -> Tensor:
        own = type(samples)(samples.said_BKT[rows])
        return self_critical(one, drawn[rows], own, rewards[rows], 1.0, samples.words())

    whole = gradients([self_critical(one, drawn, samples, rewards, 1.0)], one)
    shared = gradients([part(slice(0, 2)), part(slice(2, 7))], one)
    for name, gradient in whole.items():
        assert torch.allclose(shared[name], gradient, atol=1e-6), name


def test_crops_mirrors_and_light_are_those_of_the_whole_batch(
    tmp_path: Path, model: Callable[..., CaptionModel]
) -> None:
    pixels = RowCache(tmp_path, "pixels", capacity=7, shape=(32, 32, 3), dtype=np.uint8)
    pixels.write(KEYS, np.random.default_rng(2).integers(0, 256, (7, 32, 32, 3)))
    encoder, mirrored = model().encoder, np.arange(7) % 2 == 0

    def seen(ranks: Ranks) -> Tensor:
        return LivePictures(pixels, encoder, 0.6, 0.3, ranks).features(KEYS, mirrored, 5)

    with torch.no_grad():
        whole, shared = seen(ALONE), torch.cat([seen(Ranks(rank, 3)) for rank in range(3)])
    pixels.close()
    assert torch.allclose(shared, whole, atol=1e-4)
    assert not torch.allclose(whole[0], whole[1], atol=1e-2)


def test_a_part_of_a_batch_is_as_long_as_the_whole(corpus: Corpus) -> None:
    (batch,) = epoch_batches(corpus, stage(), seed=1, epoch=0)
    part: Batch = batch.part(slice(2, 4))
    assert part.keys == batch.keys[2:4]
    assert torch.equal(part.targets_BKT, batch.targets_BKT[2:4])
    assert part.words_BKT.shape[2] == batch.words_BKT.shape[2]


def test_a_process_on_its_own_meets_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    for size in ("", "1", "4"):
        # A scheduler may count processes without giving them ranks.
        monkeypatch.setenv("WORLD_SIZE", size)
        with joined() as ranks:
            assert ranks is ALONE


@pytest.mark.parametrize(("size", "reason"), [("two", "'two'"), ("2", "MASTER_ADDR")])
def test_an_environment_that_makes_no_sense_is_one_line(
    monkeypatch: pytest.MonkeyPatch, size: str, reason: str
) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(EnvironmentProblem, match=f"{reason}.*torchrun") as caught, joined():
        pass
    assert "\n" not in str(caught.value)


TALK = """
import json, sys, time, torch
from mezzetin.errors import DatasetError
from mezzetin.training.ranks import joined
with joined() as ranks:
    used, unused = (torch.nn.Parameter(torch.zeros(2, 2)) for _ in range(2))
    if ranks.leads:
        used.grad = torch.tensor([[1., 2.], [3., 4.]])
    figures = ranks.sum_gradients([used, unused], 1.5, ranks.rank)
    model = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(model.weight, ranks.rank + 1.)
    ranks.equalise(model)
    begun = ranks.in_turn(lambda: (time.sleep(0.1), time.time())[1])
    answer = {"used": used.grad.tolist(), "unused": unused.grad, "figures": figures, "begun": begun,
              "weight": model.weight.tolist(), "led": ranks.led(lambda: {"rank": ranks.rank}), "sum": ranks.sum(0.25)}
    print(json.dumps(answer), flush=True)
    if ranks.leads:
        raise DatasetError("nothing to learn from")
    ranks.sum(1)
"""


def test_two_ranks_talk_and_end_with_the_same_code() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        free_port = held.getsockname()[1]
    here = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
    here |= {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", TALK],
            env={**here, "RANK": str(rank)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    (first, told), (second, silence) = (process.communicate(timeout=120) for process in both)
    answers = [json.loads(line) for line in (first, second)]
    assert answers[0]["begun"] < answers[1].pop("begun") - 0.09
    del answers[0]["begun"]
    assert answers[0] == answers[1]
    assert answers[0] == {
        "used": [[1, 2], [3, 4]],
        "unused": None,
        "figures": [3, 1],
        "weight": [[1, 1], [1, 1]],
        "led": {"rank": 0},
        "sum": 0.5,
    }
    assert told.splitlines()[-1] == "mezzetin.errors.DatasetError: nothing to learn from"
    assert both[1].returncode == 2
    assert "DatasetError" not in silence
