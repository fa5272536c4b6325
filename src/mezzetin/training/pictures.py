"""The pictures of a training run, as the features that the decoder reads.

Two sources with one face: `FrozenPictures` reads features that an untrained encoder computed once, of each
picture and, if asked, of its mirror image; `LivePictures` reads pixels, crops and mirrors them, and runs the
encoder that is being fine-tuned. Tensor names: B images, H x W pixels, P positions, C channels, U views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mezzetin.data.dataset import Dataset
from mezzetin.pixels import decode
from mezzetin.records import Progress
from mezzetin.training.cache import RowCache
from mezzetin.training.encoders import ImageEncoder
from mezzetin.training.ranks import ALONE, Ranks

ENCODE_AT_ONCE = 32
Report = Callable[[Progress], None]


class Pictures(Protocol):
    """Where a batch's features come from."""

    def features(self, keys: Sequence[str], mirrored: NDArray[np.bool_], seed: int) -> Tensor:
        """Features of this rank's share of a training batch, `[B, P, C]`; `seed` decides the crops of the whole."""

    def plain(self, keys: Sequence[str], *, mirrored: bool = False) -> Tensor:
        """Features of whole pictures as they are, or mirrored where the stage mirrors, for evaluation."""

    def close(self) -> None:
        """Close the cache."""


class FrozenPictures:
    """Cached features in half precision."""

    def __init__(self, cache: RowCache, ranks: Ranks = ALONE) -> None:
        self._cache, self._ranks = cache, ranks

    def features(self, keys: Sequence[str], mirrored: NDArray[np.bool_], seed: int) -> Tensor:
        """See `Pictures`; a frozen encoder has no crops."""
        share = self._ranks.share(len(keys))
        rows_BUPC = self._cache.read(keys[share])
        return torch.from_numpy(rows_BUPC[np.arange(len(rows_BUPC)), mirrored[share].astype(int)]).float()

    def plain(self, keys: Sequence[str], *, mirrored: bool = False) -> Tensor:
        """See `Pictures`."""
        return torch.from_numpy(self._cache.read(keys)[:, int(mirrored)]).float()

    def close(self) -> None:
        """Close the cache."""
        self._cache.close()


class LivePictures:
    """Cached pixels and a living encoder.

    `crop` is the smallest share of a side that a crop keeps, `light` the share that brightness and contrast change by.
    """

    def __init__(
        self, cache: RowCache, encoder: ImageEncoder, crop: float, light: float = 0, ranks: Ranks = ALONE
    ) -> None:
        self._cache, self._encoder, self._crop, self._light, self._ranks = cache, encoder, crop, light, ranks

    def features(self, keys: Sequence[str], mirrored: NDArray[np.bool_], seed: int) -> Tensor:
        """See `Pictures`; gradients reach the encoder."""
        share = self._ranks.share(len(keys))
        pixels = torch.from_numpy(self._cache.read(keys[share]))
        if self._crop == 1 and self._light == 0 and not mirrored.any():
            features: Tensor = self._encoder(pixels)
            return features
        shown = pixels.permute(0, 3, 1, 2).float()
        if self._light:
            shown = _relit(shown, _lights(len(keys), self._light, seed)[:, share])
        normalised = (shown - self._encoder.mean) / self._encoder.std
        return self._encoder.features(_cropped(normalised, _boxes(mirrored, self._crop, seed)[share]))

    def plain(self, keys: Sequence[str], *, mirrored: bool = False) -> Tensor:
        """See `Pictures`."""
        pixels = torch.from_numpy(self._cache.read(keys))
        features: Tensor = self._encoder(pixels.flip(2) if mirrored else pixels)
        return features

    def close(self) -> None:
        """Close the cache."""
        self._cache.close()


def _boxes(mirrored: NDArray[np.bool_], crop: float, seed: int) -> Tensor:
    """Where to cut each picture, as `affine_grid` takes it: `[B, 2, 3]`."""
    random = np.random.default_rng(seed)
    count = len(mirrored)
    sides_B2 = random.uniform(crop, 1, (count, 2))
    centre_B2 = random.uniform(-1, 1, (count, 2)) * (1 - sides_B2)
    theta = np.zeros((count, 2, 3), np.float32)
    theta[:, 0, 0] = sides_B2[:, 0] * np.where(mirrored, -1, 1)
    theta[:, 1, 1] = sides_B2[:, 1]
    theta[:, :, 2] = centre_B2
    return torch.from_numpy(theta)


def _cropped(pixels_B3HW: Tensor, boxes_B23: Tensor) -> Tensor:
    """Cut a box out of each picture, mirrored where it is, and stretch it back to full size."""
    grid = F.affine_grid(boxes_B23, list(pixels_B3HW.shape), align_corners=False)
    cut: Tensor = F.grid_sample(pixels_B3HW, grid, padding_mode="reflection", align_corners=False)
    return cut


def _lights(count: int, light: float, seed: int) -> Tensor:
    """By what each picture's brightness and contrast change: `[2, B]`."""
    random = np.random.default_rng([seed, 1])
    return torch.from_numpy(random.uniform(1 - light, 1 + light, (2, count)).astype(np.float32))


def _relit(pixels_B3HW: Tensor, factors_2B: Tensor) -> Tensor:
    """Change each picture's brightness and contrast; its hues stay, for captions name them."""
    brightness_B111, contrast_B111 = factors_2B.reshape(2, -1, 1, 1, 1).unbind()
    mean_B111 = pixels_B3HW.mean((1, 2, 3), keepdim=True)
    return ((pixels_B3HW - mean_B111) * contrast_B111 + mean_B111 * brightness_B111).clamp_(0, 255)


def cached_features(
    dataset: Dataset,
    keys: Sequence[str],
    encoder: ImageEncoder,
    folder: Path,
    *,
    mirror: bool,
    room: int = 0,
    report: Report,
    ranks: Ranks = ALONE,
) -> FrozenPictures:
    """Compute what is missing of the pictures' features, once; views are the picture and its mirror image.

    The file has room for so many pictures, and for `keys` at least.
    """
    views, spec = 1 + mirror, encoder.spec
    shape = (views, spec.positions, spec.channels)
    name = f"features-{encoder.signature()}-{views}"
    cache = RowCache(folder, name, capacity=max(room, len(keys)), shape=shape, dtype=np.float16)

    @torch.inference_mode()
    def row(pixels_BHW3: NDArray[np.uint8]) -> NDArray[np.float16]:
        pixels = torch.from_numpy(pixels_BHW3)
        seen = [encoder(pixels), encoder(pixels.flip(2))][:views] if mirror else [encoder(pixels)]
        block: NDArray[np.float16] = torch.stack(seen, 1).half().numpy()
        return block

    _fill(cache, dataset, keys, encoder, row, report)
    return FrozenPictures(cache, ranks)


def cached_pixels(
    dataset: Dataset,
    keys: Sequence[str],
    encoder: ImageEncoder,
    folder: Path,
    *,
    crop: float,
    light: float = 0,
    room: int = 0,
    report: Report,
    ranks: Ranks = ALONE,
) -> LivePictures:
    """Decode what is missing of the pictures, once; `room` is that of `cached_features`."""
    side = encoder.spec.preprocessing
    fit = side.fit if side.fit == "squash" else f"{side.fit}{side.crop_share:g}"
    name = f"pixels-{side.width}x{side.height}-{fit}-{side.interpolation}"
    shape = (side.height, side.width, 3)
    cache = RowCache(folder, name, capacity=max(room, len(keys)), shape=shape, dtype=np.uint8)
    _fill(cache, dataset, keys, encoder, lambda pixels: pixels, report)
    return LivePictures(cache, encoder, crop, light, ranks)


def _fill(
    cache: RowCache,
    dataset: Dataset,
    keys: Sequence[str],
    encoder: ImageEncoder,
    row: Callable[[NDArray[np.uint8]], NDArray[np.generic]],
    report: Report,
) -> None:
    missing = set(cache.missing(keys))
    total, done = len(missing), 0
    wanted = _wanted(dataset, missing)
    # The caller gets a cache that is full; one that could not be filled is of no use to anybody.
    with ExitStack() as unfilled, ThreadPoolExecutor(2) as pool:
        unfilled.callback(cache.close)
        while batch := list(islice(wanted, ENCODE_AT_ONCE)):
            pixels = list(pool.map(lambda pair: decode(pair[1], encoder.spec.preprocessing), batch))
            cache.write([key for key, _ in batch], row(np.stack(pixels)))
            done += len(batch)
            report(Progress("look at the pictures", done, total))
        unfilled.pop_all()


def _wanted(dataset: Dataset, missing: set[str]) -> Iterator[tuple[str, bytes]]:
    for example in dataset.rows({"train"}) if missing else ():
        if example.sha256 in missing and example.image is not None:
            missing.remove(example.sha256)
            yield example.sha256, example.image
