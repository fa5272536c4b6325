"""What the tests against Azure's storage share: Azurite, at most one of each kind a test process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azure.arm.server import ArmServer
from tests.azure.azurite import Azurite, missing
from tests.azure.entra import EntraAzurite

SPECS = Path(__file__).parents[2].parent / "shared" / "specs"


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite over http, running. It is shared: tests keep apart by containers of their own."""
    if reason := missing():
        pytest.skip(reason)
    with Azurite(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="session")
def entra_azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EntraAzurite]:
    """Azurite over https that takes Entra tokens, running and shared as `azurite` is."""
    if reason := missing():
        pytest.skip(reason)
    with EntraAzurite(tmp_path_factory.mktemp("entra")) as server:
        yield server


@pytest.fixture
def arm() -> Iterator[ArmServer]:
    """A local Resource Manager over http with nothing in it; bodies are checked where ../shared/specs is there."""
    with ArmServer(SPECS) as server:
        yield server


@pytest.fixture(autouse=True)
def brought_back(request: pytest.FixtureRequest) -> None:
    """Start again what a test before this one left stopped or killed."""
    for name in ("azurite", "entra_azurite"):
        if name in request.fixturenames:
            request.getfixturevalue(name).start()
