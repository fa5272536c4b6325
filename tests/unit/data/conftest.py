"""Small real sources to ingest: pictures of random blocks, told apart by their number."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Picture = Callable[..., bytes]
Source = Callable[..., Path]


@pytest.fixture
def picture() -> Picture:
    def draw(number: int, width: int = 48, height: int = 32, kind: str = "JPEG") -> bytes:
        blocks = np.random.default_rng(number).integers(0, 256, (4, 6, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST).save(stream, kind)
        return stream.getvalue()

    return draw


@pytest.fixture
def flickr(tmp_path: Path, picture: Picture) -> Source:
    """A folder in Kaggle's layout with pictures p000.jpg… and two captions each."""

    def make(count: int = 6, name: str = "source", **splits: range) -> Path:
        source = tmp_path / name
        (source / "Images").mkdir(parents=True)
        lines = ["image,caption"]
        for number in range(count):
            (source / "Images" / f"p{number:03}.jpg").write_bytes(picture(number))
            lines.append(f"p{number:03}.jpg,Blocks number {number} .")
            lines.append(f'p{number:03}.jpg,"Colours, ""{number}"" ."')
        (source / "captions.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for official, numbers in splits.items():
            names = "".join(f"p{number:03}.jpg\n" for number in numbers)
            (source / f"Flickr_8k.{official}Images.txt").write_text(names, encoding="utf-8")
        return source

    return make
