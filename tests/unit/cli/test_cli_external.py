"""`mezzetin caption --with`: others beside our captions, and what becomes of the command when they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.external.services import KEY, Reply, Service, azure, chat, served

pytest.importorskip("azure.ai.vision.imageanalysis", reason="mezzetin[azure] is not installed")
pytest.importorskip("openai", reason="mezzetin[external] is not installed")

Command = Callable[..., Any]
Photographs = Callable[..., Path]


@pytest.fixture
def vision() -> Iterator[Service]:
    with served(azure) as service:
        yield service


@pytest.fixture
def gpt() -> Iterator[Service]:
    with served(chat) as service:
        yield service


@pytest.fixture
def file(vision: Service, gpt: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_VISION_KEY", KEY)
    monkeypatch.delenv("MEZZETIN_EXTERNAL", raising=False)
    path = tmp_path / "external.toml"
    path.write_text(
        f"[external.azure_vision]\nendpoint = '{vision.url}'\nkey_env = 'TEST_VISION_KEY'\nprice_per_call = 0.25\n"
        f"[external.gpt]\nkind = 'openai_chat'\nendpoint = '{gpt.url}/v1'\nmodel = 'm'\nkey_env = 'TEST_VISION_KEY'\n"
        "timeout = 3\nretries = 0\nprice_per_1000_input_tokens = 0.001\n"
    )
    return path


def test_their_captions_stand_below_ours(mezzetin: Command, photographs: Photographs, file: Path) -> None:
    folder = photographs(2)
    alone = mezzetin("caption", folder)
    both = mezzetin("caption", folder, "--with", "azure_vision", "--with", "gpt", "--external-settings", file)
    assert both.code == 0
    lines = both.out.splitlines()
    assert lines[0::3] == alone.out.splitlines()
    assert lines[1::3] == ["    azure_vision: a man sitting on a bench (0.81)"] * 2
    assert lines[2::3] == ["    gpt: A man sits on a bench."] * 2
    assert "azure_vision: 2 captions, 2 calls, cost 0.5" in both.err.splitlines()
    assert "gpt: 2 captions, 2 calls, 2,040 tokens, cost 0.002" in both.err.splitlines()


def test_json_has_a_field_for_them(mezzetin: Command, photographs: Photographs, file: Path, gpt: Service) -> None:
    gpt.script = [Reply(401, KEY.encode())]
    answer = mezzetin(
        "caption", photographs(1), "--with", "azure_vision", "--with", "gpt", "--external-settings", file, "--json"
    )
    row, usage = answer.objects
    theirs = row["external"]
    assert list(theirs) == ["azure_vision", "gpt"]
    assert theirs["azure_vision"]["caption"] == "a man sitting on a bench"
    assert theirs["azure_vision"]["confidence"] == 0.8125 and theirs["azure_vision"]["error"] is None
    assert theirs["gpt"]["caption"] is None and theirs["gpt"]["error"]["code"] == "refused"
    assert row["caption"] and row["error"] is None
    assert usage["external_usage"]["azure_vision"]["cost"] == 0.25
    assert usage["external_usage"]["gpt"]["failures"] == {"refused": 1}
    assert KEY not in answer.out + answer.err


def test_nobody_is_asked_who_was_not_named(
    mezzetin: Command,
    photographs: Photographs,
    file: Path,
    vision: Service,
    gpt: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEZZETIN_EXTERNAL", str(file))
    answer = mezzetin("caption", photographs(1), "--json")
    assert len(answer.objects) == 1 and "external" not in answer.objects[0]
    assert vision.requests == gpt.requests == []


def test_one_that_hangs_costs_its_own_column(
    mezzetin: Command, photographs: Photographs, file: Path, gpt: Service
) -> None:
    gpt.script = [Reply(delay=30)] * 10
    answer = mezzetin("caption", photographs(3), "--with", "azure_vision", "--with", "gpt", "--external-settings", file)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[1::3] == ["    azure_vision: a man sitting on a bench (0.81)"] * 3
    assert lines[2::3] == ["    gpt: (timeout)"] * 3
    assert "gpt: 3 without a caption: timeout: gpt did not answer in time" in answer.err


def test_the_budget_is_one_for_all(mezzetin: Command, photographs: Photographs, file: Path, vision: Service) -> None:
    answer = mezzetin(
        "caption", photographs(5), "--with", "azure_vision", "--external-settings", file, "--budget", "0.6", "--json"
    )
    *rows, usage = answer.objects
    errors = [row["external"]["azure_vision"]["error"] for row in rows]
    assert sorted(error["code"] if error else "" for error in errors) == ["", ""] + ["budget_spent"] * 3
    assert usage["external_usage"]["azure_vision"]["cost"] == 0.5
    assert len(vision.requests) == 2 and answer.code == 0


def test_restricted_pictures_stay(mezzetin: Command, photographs: Photographs, file: Path, vision: Service) -> None:
    answer = mezzetin(
        "caption", photographs(2), "--with", "azure_vision", "--external-settings", file, "--restricted", "*/p0.*"
    )
    assert answer.out.splitlines()[1] == "    azure_vision: (restricted)"
    assert len(vision.requests) == 1


def test_a_broken_picture_of_ours_is_still_exit_code_1(
    mezzetin: Command, photographs: Photographs, file: Path, vision: Service
) -> None:
    folder = photographs(1)
    (folder / "broken.jpg").write_bytes(b"no picture")
    answer = mezzetin("caption", folder, "--with", "azure_vision", "--external-settings", file)
    assert answer.code == 1 and len(answer.out.splitlines()) == 2
    assert len(vision.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "1"], "are for --with"),
        (["--with", "nobody"], "there is no external captioner 'nobody'"),
        (["--with", "gpt", "--with", "gpt"], "twice"),
        (["--with", "gpt", "--budget", "nan"], "--budget"),
        (["--with", "gpt", "--external-settings", "none.toml"], "there are no settings none.toml"),
    ],
)
def test_wrong_options_are_said_in_one_line(
    mezzetin: Command,
    photographs: Photographs,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("MEZZETIN_EXTERNAL", str(file))
    answer = mezzetin("caption", photographs(1), *arguments)
    assert answer.code == 2 and answer.out == ""
    assert words in answer.err and len(answer.err.splitlines()) == 1
