"""Dropout (Srivastava et al. 2014) whose masks are drawn a byte a number.

torch draws CPU masks one number at a time on one thread, a third of a training step of the Transformer; random bytes
from NumPy are ten times faster. The rate is rounded to a 256th. Torch's generator seeds each mask, so `manual_seed`
governs it like everything else.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


class ByteDropout(nn.Module):
    """Zero a share `rate` of the numbers in training and scale the rest up."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        # A rate just below 1 must leave something to scale up.
        self.below = min(round(256 * rate), 255)

    def forward(self, x: Tensor) -> Tensor:
        """Apply a fresh mask; the identity in evaluation."""
        if not self.training or self.below == 0:
            return x
        seed = int(torch.randint(2**62, ()).item())
        drawn = np.random.Generator(np.random.SFC64(seed)).bytes(x.numel())
        mask = torch.frombuffer(bytearray(drawn), dtype=torch.uint8).view(x.shape).to(x.device)
        return x * (mask >= self.below).to(x.dtype) * (256 / (256 - self.below))
