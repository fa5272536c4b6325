"""The image, built by its Dockerfile's own steps and run as a container runs; needs root, debootstrap and a mirror.

Debian's image stands in as the root that debootstrap makes. It takes two minutes and hundreds of megabytes from
Debian, so it runs where it is asked for: `make image` does.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin.bundle import bundled_captioner
from mezzetin.serving.keys import add_key
from tests.conftest import REPOSITORY
from tests.image.chroot_build import Image, build, make_base

MEGABYTE = 1_000_000
NEEDED = ("debootstrap", "unshare", "nsenter", "setpriv", "ip")
ASK = """
import json, sys
from mezzetin.deployment.smoke import Endpoint, smoke_test
endpoint = Endpoint("http://127.0.0.1:8000", {"X-Api-Key": sys.argv[1]})
print(json.dumps(smoke_test(endpoint, wait=60, report=lambda progress: None)))
"""
READY = "import sys; from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8000/readyz').read().decode())"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    if not os.environ.get("MEZZETIN_BUILD_IMAGE"):
        pytest.skip("building the image takes two minutes: make image asks for it")
    if os.geteuid() != 0:
        pytest.skip("only root can build a root file system")
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        pytest.skip(f"not here: {', '.join(missing)} (apt-get install debootstrap iproute2)")
    work = tmp_path_factory.mktemp("image")
    context = work / "context"
    wheel = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(context)]
    subprocess.run(wheel, cwd=REPOSITORY, check=True, capture_output=True)
    try:
        make_base(work / "base")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"debootstrap could not make the base system: {error.stdout[-200:]!r}")
    yield build(context, work / "base", work, {"VERSION": "0.test"})
    shutil.rmtree(work)


class Container:
    """The service in an image, as `docker run --read-only --cap-drop ALL --network none` would start it."""

    def __init__(self, image: Image, keys: Path) -> None:
        self.image = image
        # The command is the image's own, word for word.
        command = image.running([*image.entrypoint, *image.command], {keys: "/keys"})
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._within = ["nsenter", "--target", str(self.process.pid), "--net", "--mount"]

    def beside(self, *command: str) -> str:
        """What a program of this machine says when it is in the container's network."""
        done = subprocess.run([*self._within, *command], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-500:]
        return done.stdout

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What a program of the image does as the image's user."""
        uid, gid = self.image.user.split(":")
        user = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
        environment = [f"{name}={value}" for name, value in self.image.environment.items()]
        chroot = ["chroot", str(self.image.root), *user, "env", "-i", *environment]
        return subprocess.run([*self._within, *chroot, *command], capture_output=True, text=True, timeout=120)

    def end(self) -> None:
        """Kill it, and what it started with it."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def first(self) -> int:
        """This machine's number of the container's process 1."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text())


@pytest.fixture(scope="module")
def key_and_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    key = add_key("smoke", folder / "keys.json")
    # A mounted secret: its group may read it, nobody may write it.
    shutil.chown(folder / "keys.json", group=10001)
    (folder / "keys.json").chmod(0o440)
    shutil.chown(folder, group=10001)
    folder.chmod(0o750)
    return key, folder


@pytest.fixture
def container(built: Image, key_and_folder: tuple[str, Path]) -> Iterator[Container]:
    running = Container(built, key_and_folder[1])
    try:
        deadline = time.monotonic() + 60
        while running.inside(*built.health).returncode and time.monotonic() < deadline:
            assert running.process.poll() is None, running.process.communicate()[0][-800:]
            time.sleep(0.3)
        yield running
    finally:
        running.end()


def test_the_image_is_under_600_megabytes(built: Image) -> None:
    assert 200 * MEGABYTE < built.size < 600 * MEGABYTE


def test_the_image_holds_no_torch_no_pip_and_no_package_lists(built: Image) -> None:
    packages = next((built.root / "opt/mezzetin/lib").glob("python3*")) / "site-packages"
    assert (packages / "onnxruntime").is_dir()
    assert not [name for name in ("torch", "timm", "mlflow", "pip") if (packages / name).exists()]
    assert not list((built.root / "var/lib/apt/lists").iterdir())
    assert not list(built.root.glob("context"))


def test_nothing_in_the_image_lets_its_user_gain_rights(built: Image) -> None:
    """Debian's own programs that change the user are there; none of ours is, and no capability is set on a file."""
    ours = subprocess.run(["find", built.root / "opt", "-perm", "/6022", "!", "-type", "l"], capture_output=True)
    assert ours.stdout == b""


def test_the_service_answers_as_an_image_s_does(container: Container, key_and_folder: tuple[str, Path]) -> None:
    ready: dict[str, Any] = json.loads(container.beside(sys.executable, "-c", READY))
    assert ready["status"] == "ready"
    assert ready["model"]["signature"] == bundled_captioner().digest[:12]
    caption, seconds = json.loads(container.beside(sys.executable, "-c", ASK, key_and_folder[0]))
    assert len(caption.split()) > 3
    assert seconds < 30


def test_the_health_check_of_the_image_goes_by_the_model(container: Container) -> None:
    assert container.inside(*container.image.health).returncode == 0
    os.kill(container.first, signal.SIGSTOP)
    try:
        assert container.inside(*container.image.health).returncode != 0
    finally:
        os.kill(container.first, signal.SIGCONT)


def test_the_service_writes_to_its_volumes_alone(container: Container) -> None:
    refused = container.inside("sh", "-c", "echo > /opt/mezzetin/x")
    assert "Read-only file system" in refused.stderr
    allowed = "test -d /var/lib/mezzetin/jobs && echo > /tmp/x && echo > /var/lib/mezzetin/x"
    assert container.inside("sh", "-c", allowed).returncode == 0
    status = Path(f"/proc/{container.first}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "Uid:\t10001\t10001" in status


def test_sigterm_ends_the_service_at_once_and_well(container: Container) -> None:
    """It is process 1 of its container, for which a signal without a handler does nothing."""
    began = time.monotonic()
    os.kill(container.first, signal.SIGTERM)
    output, _ = container.process.communicate(timeout=60)
    assert container.process.returncode == 0, output[-500:]
    assert time.monotonic() - began < 20
