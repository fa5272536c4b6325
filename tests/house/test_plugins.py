"""The places where a user adds a part of their own are plain dicts: no decorators, no entry points."""

from __future__ import annotations

from typing import Any

import pytest

from mezzetin.data.readers import READERS
from mezzetin.metrics import METRICS
from mezzetin.training.decoders import DECODERS


@pytest.mark.parametrize("place", [READERS, DECODERS, METRICS], ids=["READERS", "DECODERS", "METRICS"])
def test_a_plug_in_point_is_a_plain_dict_by_name(place: dict[str, Any]) -> None:
    assert type(place) is dict
    assert place and all(isinstance(name, str) and value is not None for name, value in place.items())
