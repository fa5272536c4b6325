"""What a stored sample means as a colour on a screen: every mode to sRGB, 8 bits, three channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

_COLOUR_SPACES = ("lab", "labs", "labq", "lch", "xyz", "yxy", "hsv")
# By a sample's format, for those that a screen's colours come in: white, and the names for 1 and 3 channels.
_DISPLAY_FORMATS = {"uchar": (255, {1: "b-w", 3: "srgb"}), "ushort": (65535, {1: "grey16", 3: "rgb16"})}
_LARGEST_FLOAT = 3.4e38
_ROUNDING = 1e-4


def is_display(image: Any) -> bool:
    """Say whether the samples are colours as a screen has them, of 8 or 16 bits."""
    return image.format in _DISPLAY_FORMATS


def prepare(image: Any) -> Any:
    """Make a lazy image fit for resampling: colour channels only, transparency over white, finite samples.

    Returns 1 channel (grey), 3 (RGB) or 4 (CMYK), of the image's own format or of floats.
    """
    if image.interpretation in _COLOUR_SPACES:
        image = image.colourspace("srgb")
    cmyk = image.interpretation == "cmyk" and image.bands >= 4
    colours = 4 if cmyk else 3 if image.bands >= 3 else 1
    if is_display(image):
        white, spaces = _DISPLAY_FORMATS[image.format]
        if image.bands == colours + 1:
            # Over white before resampling: both are linear, and this way no edge darkens.
            image = image.flatten(background=[0 if cmyk else white], max_alpha=white)
        image = image.extract_band(0, n=colours) if image.bands > colours else image
        named = cmyk or image.interpretation == spaces[colours]
        return image if named else image.copy(interpretation=spaces[colours])
    image = image.extract_band(0, n=colours) if image.bands > colours else image
    image = (image.abs() if image.format in ("complex", "dpcomplex") else image).cast("float")
    # A NaN or an infinity would spread over its neighbourhood.
    return (image.abs() <= _LARGEST_FLOAT).ifthenelse(image, 0)


def to_srgb(image: Any) -> Any:
    """Bring what `prepare` returned to sRGB of 8 bits; samples that `stretch` must read stay as they are."""
    if not is_display(image):
        return image
    if image.get_typeof("icc-profile-data"):
        try:
            return image.icc_transform("srgb", embedded=True, depth=8)
        except pyvips.Error:
            # The profile is broken or belongs to another kind of picture: viewers ignore it too.
            image = image.copy()
            image.remove("icc-profile-data")
    if image.interpretation == "srgb":
        return image
    return image.colourspace("srgb").cast("uchar")


def stretch(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return `[height, width, 3]` of 8 bits: bytes as they are, other samples by the range they lie in."""
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        if low >= 0:
            tops = (1.0, 255.0, 65535.0)
            low, high = 0.0, next((top for top in tops if high <= top * (1 + _ROUNDING)), high)
        scaled = (pixels.astype(np.float64) - low) * (255 / ((high - low) or 1.0))
        pixels = np.rint(scaled).clip(0, 255).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
