"""Encoder and decoder as one module, and the random numbers of a step.

Every generator is seeded anew from (seed, stage, step), so a run that was killed has no generator state to lose.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor, nn

from mezzetin.decoding.beam import DecodingOptions, FloatArray, Hypothesis, IntArray, beam_search
from mezzetin.training.decoders.transformer import TransformerDecoder
from mezzetin.training.encoders import ImageEncoder


class CaptionModel(nn.Module):
    """An encoder and a decoder; the names of its parameters are those in a bundle's weights.safetensors."""

    def __init__(self, encoder: ImageEncoder, decoder: TransformerDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    @torch.no_grad()
    def search(self, features_BPC: Tensor, options: DecodingOptions) -> list[list[Hypothesis]]:
        """Caption pictures from their features, through the one beam search."""

        def step(token: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
            logp, grown = self.decoder.step(torch.from_numpy(token), torch.from_numpy(state), torch.from_numpy(memory))
            return logp.float().numpy(), grown.float().numpy()

        memory = self.decoder.remember(features_BPC).float().numpy()
        return beam_search(step, memory, np.zeros(self.decoder.start_shape, np.float32), options)


def step_seed(*place: int | str) -> int:
    """A 63-bit seed that is a pure function of where in a run it is used."""
    return int.from_bytes(hashlib.sha256(repr(place).encode()).digest()[:8], "big") >> 1
