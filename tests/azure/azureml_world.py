"""What the tests of Azure Machine Learning share: a cloud on loopback, with a workspace in it, and who asks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.azure.arm.cloud import NamedAzurite, resolve_localhost, variables
from tests.azure.arm.machinelearning import MachineLearning
from tests.azure.arm.server import ArmServer
from tests.azure.azurite import missing
from tests.azure.entra import Signed

SPECS = Path(__file__).parents[2].parent / "shared" / "specs"


@dataclass
class World:
    """A cloud of one workspace and one registry; `credential` is let in."""

    arm: ArmServer
    azurite: NamedAzurite
    azureml: MachineLearning
    environment: dict[str, str]
    credential: Signed = field(default_factory=lambda: Signed(audience="https://management.azure.com"))


@pytest.fixture(scope="module")
def named_azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamedAzurite]:
    if reason := missing():
        pytest.skip(reason)
    with NamedAzurite(tmp_path_factory.mktemp("named")) as server:
        yield server


@pytest.fixture
def world(named_azurite: NamedAzurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    pytest.importorskip("azure.ai.ml", reason="mezzetin[azureml] is not installed")
    with ArmServer(SPECS, (named_azurite.certificate, named_azurite.private_key)) as arm:
        environment = variables(arm, named_azurite)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(socket, "getaddrinfo", resolve_localhost)
        azureml = MachineLearning(arm, named_azurite, named_azurite.host)
        yield World(arm, named_azurite, azureml, environment)
