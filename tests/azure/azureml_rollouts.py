"""What the tests of target `azureml` share: bundles, a workspace to deploy to, and what really answers there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mezzetin.bundle import Bundle, reseal
from mezzetin.deployment.azureml import AzureMLSettings, AzureMLTarget
from mezzetin.deployment.azureml_bodies import ENTRY, ENTRY_CODE, deployment_name, variables
from mezzetin.deployment.base import Answered, Wanted
from mezzetin.records import Progress
from tests.azure.arm.machinelearning import WORKSPACE
from tests.azure.arm.server import SUBSCRIPTION
from tests.azure.azureml_world import World
from tests.azure.inference_server import NotInstalled, environment, inference_server
from tests.image.dockerfile import DOCKERFILE, instructions, pairs, stages
from tests.roads.serve_process import started

NAME = "captions"
IMAGE = "museum.azurecr.io/mezzetin:1"


@pytest.fixture(scope="module")
def bundle(bundle_path: Path) -> Bundle:
    return Bundle.open(bundle_path)


@pytest.fixture(scope="module")
def other(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "two"
    shutil.copytree(bundle.folder, folder)
    return reseal(folder, {**bundle.manifest, "model_version": "another"})


@pytest.fixture(scope="module")
def scoring(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The entry script that a deployment is given, behind the inference server with a deployment's variables."""
    folder = tmp_path_factory.mktemp("app")
    (folder / ENTRY).write_text(ENTRY_CODE, encoding="utf-8")
    mounted = tmp_path_factory.mktemp("azureml-models")
    shutil.copytree(bundle.folder, mounted / "captioner" / "1" / "bundle")
    settings = AzureMLSettings(subscription=SUBSCRIPTION, resource_group="museum", workspace=WORKSPACE)
    own = {"AML_APP_ROOT": str(folder), "AZUREML_ENTRY_SCRIPT": ENTRY, "AZUREML_MODEL_DIR": str(mounted)}
    try:
        python = environment()
    except NotInstalled as error:
        pytest.skip(str(error))
    with inference_server(python, folder / "log", {**own, **variables(settings)}) as client:
        yield str(client.base_url).rstrip("/")


def target(world: World, **changes: Any) -> AzureMLTarget:
    given: dict[str, Any] = {"subscription": SUBSCRIPTION, "resource_group": "museum", "workspace": WORKSPACE}
    settings = AzureMLSettings(**{**given, "trust": world.azurite.certificate, "timeout": 2, **changes})
    return AzureMLTarget(settings, world.credential, pause=0.02)


def wanted(bundle: Bundle, image: str | None = None) -> Wanted:
    return Wanted(NAME, bundle, "captioner@champion", image)


def nobody(progress: Progress) -> None:
    pass


def deploy(world: World, bundle: Bundle, **changes: Any) -> Answered:
    return target(world, **changes).deploy(wanted(bundle), nobody)


def name_of(world: World, bundle: Bundle, **changes: Any) -> str:
    return deployment_name(wanted(bundle), target(world, **changes).settings)


def traffic(world: World) -> dict[str, int]:
    endpoint = world.arm.resources[f"{world.azureml.path}/onlineEndpoints/{NAME}"]
    return dict(endpoint["properties"]["traffic"])


def deployed(world: World) -> list[str]:
    path = f"{world.azureml.path}/onlineEndpoints/{NAME}/deployments"
    return [deployment["name"] for deployment in world.arm.resources.under(path)]


@pytest.fixture
def served(world: World, scoring: str) -> World:
    world.azureml.backend = lambda deployment: scoring
    return world


@contextmanager
def service_of_the_image(bundle: Bundle, folder: Path, given: Mapping[str, str]) -> Iterator[str]:
    """The address of what the image runs, with the variables that a deployment gives it.

    Only the places differ: the model's, the jobs', and a port of loopback's.
    """
    final = {one.word: one for one in stages(instructions(DOCKERFILE.read_text(encoding="utf-8")))[-1]}
    places = {"--model": str(bundle.folder), "--jobs": str(folder / "jobs"), "--host": "127.0.0.1"}
    command = list(final["CMD"].form or ())
    command = [places.get(before, part) for before, part in zip(["", *command], command, strict=False)]
    own = {name: value for name, value in pairs(final["ENV"].rest).items() if name.startswith("MEZZETIN_SERVE")}
    with started([sys.executable, "-m", "mezzetin", *command, "--port", "0", "--plain"], {**own, **given}) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("serving at "), said + (process.stderr.read() if process.stderr else "")
        yield said.split()[-1]
