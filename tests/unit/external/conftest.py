"""Both services, each on a port of its own, and a photograph that knows where it was taken."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.unit.external.services import KEY, Service, azure, chat, served


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEZZETIN_EXTERNAL", raising=False)
    monkeypatch.setenv("TEST_VISION_KEY", KEY)


@pytest.fixture
def azure_service() -> Iterator[Service]:
    with served(azure) as service:
        yield service


@pytest.fixture
def chat_service() -> Iterator[Service]:
    with served(chat) as service:
        yield service


@pytest.fixture(scope="session")
def photograph() -> bytes:
    """A JPEG of 1,600 x 1,200 pixels whose EXIF holds a position and a name."""
    picture = Image.linear_gradient("L").resize((1600, 1200)).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = "Anna at home"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", exif=exif)
    assert b"Anna at home" in stream.getvalue()
    return stream.getvalue()
