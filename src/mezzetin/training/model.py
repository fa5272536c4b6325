"""Encoder and decoder as one module, and the random numbers of a step.

Every generator is seeded anew from (seed, stage, step), so a run that was killed has no generator state to lose.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mezzetin.decoding.beam import DecodingOptions, FloatArray, Hypothesis, IntArray, beam_search
from mezzetin.training.decoders import Decoder
from mezzetin.training.encoders import ImageEncoder


class CaptionModel(nn.Module):
    """An encoder and a decoder; the names of its parameters are those in a bundle's weights.safetensors."""

    def __init__(self, encoder: ImageEncoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    @torch.no_grad()
    def search(self, features_BPC: Tensor, options: DecodingOptions) -> list[list[Hypothesis]]:
        """Caption pictures from their features, through the one beam search."""

        def step(token: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
            given = (torch.from_numpy(array) for array in (token, state, memory))
            logp, following, *_ = self.decoder.step(*given)
            return logp.float().numpy(), following.float().numpy()

        memory = self.decoder.remember(features_BPC).float().numpy()
        return beam_search(step, memory, np.zeros(self.decoder.start_shape, np.float32), options)

    def decoder_facts(self) -> dict[str, Any]:
        """What bundle.json says of the decoder: its `start_state`, and the attention's `grid` where it has one."""
        facts: dict[str, Any] = {"start_state": list(self.decoder.start_shape)}
        if self.decoder.attends:
            spec = self.encoder.spec
            facts["grid"] = list(grid_shape(spec.positions, spec.preprocessing.height / spec.preprocessing.width))
        return facts


def grid_shape(positions: int, tallness: float) -> tuple[int, int]:
    """Rows and columns of an encoder's grid over pictures of this height / width; one row where none fits."""
    rows = max(round(math.sqrt(positions * tallness)), 1)
    return (rows, positions // rows) if positions % rows == 0 else (1, positions)


def step_seed(*place: int | str) -> int:
    """A 63-bit seed that is a pure function of where in a run it is used."""
    return int.from_bytes(hashlib.sha256(repr(place).encode()).digest()[:8], "big") >> 1
