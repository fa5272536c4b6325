"""Folding changes how fast an encoder is and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mezzetin.pixels import Preprocessing
from mezzetin.training.folding import folded

SIDE = Preprocessing(64, 64)


def trunk(name: str, path: Path) -> nn.Module:
    model: nn.Module = timm.create_model(name, pretrained=False, num_classes=5)
    model.load_state_dict(load_file(path))
    return model.eval()


def norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize("name", ["mobilenetv2_100", "resnet18", "test_byobnet"])
@torch.no_grad()
def test_a_folded_encoder_is_the_same_function(name: str, weights: Callable[[str], Path]) -> None:
    original = trunk(name, weights(name))
    before = {key: tensor.clone() for key, tensor in original.state_dict().items()}
    small, done = folded(original, SIDE)
    assert done
    assert norms(small) == 0 < norms(original)
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected, found = original.forward_features(pictures), small.forward_features(pictures)  # type: ignore[operator]
    # What is left is rounding, which fifty random layers carry on and on.
    assert (found - expected).abs().max() < 1e-3 * expected.abs().max()
    # The one that was given is left alone.
    assert all(torch.equal(before[key], tensor) for key, tensor in original.state_dict().items())


class Misleading(nn.Module):
    """Registers convolution and norm in one order and applies them in the other; speaks very softly."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        nn.init.constant_(self.norm.bias, 1e-4)
        nn.init.normal_(self.conv.weight, std=1e-5)

    def forward_features(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(self.norm(x))
        return out


@pytest.mark.parametrize("name", ["test_resnet", "misleading"])
def test_what_cannot_be_folded_is_left_as_it_was(name: str, weights: Callable[[str], Path]) -> None:
    # The last convolution of test_resnet's stem is in a module of its own, its norm in another.
    original = Misleading().eval() if name == "misleading" else trunk(name, weights(name))
    before = {key: tensor.clone() for key, tensor in original.state_dict().items()}
    same, done = folded(original, SIDE)
    assert not done
    assert same is original
    assert all(torch.equal(before[key], tensor) for key, tensor in same.state_dict().items())
