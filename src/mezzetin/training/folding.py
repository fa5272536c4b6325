"""Batch norms folded into the convolutions before them.

In evaluation mode a batch norm is a scale and a shift, which the convolution can do itself: the network computes the
same with half the layers, in training and in serving. Which norm follows which convolution is guessed from the order
of the modules and then proved by comparing outputs.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from mezzetin.pixels import Preprocessing

TOLERANCE = 1e-3
"""Of the largest output."""


@torch.no_grad()
def folded(trunk: nn.Module, side: Preprocessing) -> tuple[nn.Module, bool]:
    """Return the trunk with its batch norms folded and True, or as it was and False."""
    original = trunk.eval()
    if not _has_norms(original):
        return original, False
    candidate = copy.deepcopy(original)
    for parent in candidate.modules():
        _fold_children(parent)
    if _has_norms(candidate):
        return original, False
    picture = torch.rand(1, 3, side.height, side.width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pairs = zip(_outputs(original, picture), _outputs(candidate, picture), strict=True)
    same = all(bool((before - after).abs().max() <= TOLERANCE * before.abs().max()) for before, after in pairs)
    # Folding made new weights; convolutions on the CPU are twice as fast with channels last.
    return (candidate.to(memory_format=torch.channels_last), True) if same else (original, False)


def _has_norms(trunk: nn.Module) -> bool:
    return any(isinstance(module, nn.BatchNorm2d) for module in trunk.modules())


def _outputs(trunk: nn.Module, picture: Tensor) -> list[Tensor]:
    """The grid, and what a head makes of it."""
    grid: Tensor = cast(Any, trunk).forward_features(picture)
    head = getattr(trunk, "forward_head", None)
    return [grid] if head is None else [grid, head(grid, pre_logits=True)]


def _fold_children(parent: nn.Module) -> None:
    children = list(parent.named_children())
    for (_, conv), (name, norm) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            if conv.out_channels != norm.num_features or norm.running_mean is None or norm.running_var is None:
                continue
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            # timm's norms may carry the activation that follows them.
            rest = [getattr(norm, part) for part in ("drop", "act") if hasattr(norm, part)]
            setattr(parent, name, nn.Sequential(*rest) if rest else nn.Identity())
