"""`mezzetin serve --with`: columns beside ours, from real local services that answer, hang and cost money."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mezzetin.cli import run
from tests.roads.serve_process import Origin, Served, origin, serving
from tests.unit.external.services import KEY, Reply, Request, Service, azure, served

pytest.importorskip("azure.ai.vision.imageanalysis", reason="mezzetin[azure] is not installed")
pytest.importorskip("openai", reason="mezzetin[external] is not installed")

Photograph = Callable[..., bytes]
SAID = "a man sitting on a bench"
RESTRICTED = ("*/private/*", "secret*")


def silent(request: Request) -> Reply:
    """Takes a request and never answers."""
    return Reply(delay=60)


@pytest.fixture(scope="module")
def vision() -> Iterator[Service]:
    with served(azure) as service:
        yield service


@pytest.fixture(scope="module")
def hanging() -> Iterator[Service]:
    with served(silent) as service:
        yield service


@pytest.fixture(scope="module")
def web(photograph: Photograph) -> Iterator[Origin]:
    with origin(photograph(seed=1)) as site:
        yield site


@pytest.fixture(scope="module")
def file(vision: Service, hanging: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "external.toml"
    path.write_text(
        f"[external.azure_vision]\nendpoint = '{vision.url}'\nkey_env = 'TEST_VISION_KEY'\nprice_per_call = 0.25\n"
        f"[external.slow]\nkind = 'openai_chat'\nendpoint = '{hanging.url}/v1'\nmodel = 'm'\n"
        "key_env = 'TEST_VISION_KEY'\ntimeout = 4\nretries = 0\nprice_per_call = 0\n"
    )
    return path


@pytest.fixture(scope="module")
def server(file: Path, web: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    environment = {**web.environment, "TEST_VISION_KEY": KEY}
    chosen: dict[str, Any] = {"external": ["azure_vision", "slow"], "external_settings": str(file), "budget": 1.0}
    jobs = str(tmp_path_factory.mktemp("jobs"))
    with serving(environment, jobs=jobs, decoders=1, external_limit=1.0, restricted=RESTRICTED, **chosen) as one:
        yield one


def rows(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def code(row: dict[str, Any], name: str) -> str:
    error = row["external"][name]["error"]
    return str(error["code"]) if error else ""


def test_who_hangs_costs_its_own_column(server: Served, photograph: Photograph, hanging: Service) -> None:
    began = time.monotonic()
    (row,) = rows(server.client.post("/score", content=photograph(), headers={"Content-Type": "image/jpeg"}))
    assert time.monotonic() - began < 4
    assert row["caption"]["text"] and row["error"] is None
    assert row["external"]["azure_vision"]["caption"]["text"] == SAID
    assert row["external"]["azure_vision"]["caption"]["confidence"] == 0.8125
    assert code(row, "slow") == "external_timeout" and len(hanging.requests) == 1
    began = time.monotonic()
    body = {"images": [{"base64": base64.b64encode(photograph()).decode()}], "external": []}
    (alone,) = rows(server.client.post("/score", json=body))
    # Who asks for no column waits for none, also while another one hangs.
    assert alone["external"] == {} and time.monotonic() - began < 1


def test_restricted_pictures_stay_by_url_name_and_id(
    server: Served, photograph: Photograph, vision: Service, web: Origin
) -> None:
    before = len(vision.requests)
    asked = {"external": ["azure_vision"]}
    private = web.url(0).replace("/0.jpg", "/private/0.jpg")
    urls = [private, private.replace("private", "priv%61te")]
    found = rows(server.client.post("/score", json={"urls": urls, **asked}))
    images = [{"id": "secret 7", "base64": base64.b64encode(photograph()).decode()}]
    found += rows(server.client.post("/score", json={"images": images, **asked}))
    form = [("images", ("secret.jpg", photograph())), ("images", ("open.jpg", photograph()))]
    found += rows(server.client.post("/score", files=form, data=asked))
    assert [code(row, "azure_vision") for row in found] == ["restricted"] * 4 + [""]
    assert all(row["caption"]["text"] for row in found)
    assert len(vision.requests) == before + 1


def test_a_job_asks_them_and_keeps_what_is_restricted(server: Served, web: Origin, vision: Service) -> None:
    before = len(vision.requests)
    urls = [web.url(1), web.url(2).replace("/2.jpg", "/private/2.jpg")]
    begun = server.client.post("/score", json={"urls": urls, "as_job": True, "external": ["azure_vision"]}).json()
    server.finished(begun["url"])
    lines = server.client.get(begun["results"]).text.splitlines()
    assert ["restricted" in line for line in lines] == [False, True] and SAID in lines[0]
    assert len(vision.requests) == before + 1


def test_the_budget_ends_and_our_captions_go_on(server: Served, photograph: Photograph, vision: Service) -> None:
    spent = {"azure_vision": 0.25 * len(vision.requests)}
    assert spent["azure_vision"] < 1
    form = [("images", (f"{number}.jpg", photograph())) for number in range(4)]
    found = rows(server.client.post("/score", files=form, data={"external": ["azure_vision"]}))
    assert {code(row, "azure_vision") for row in found} == {"", "budget_spent"}
    assert all(row["caption"]["text"] for row in found)
    metrics = server.client.get("/metrics").text
    assert 'mezzetin_external_calls_total{captioner="azure_vision"} 4.0' in metrics
    assert 'mezzetin_external_cost_total{captioner="azure_vision"} 1.0' in metrics
    assert KEY not in metrics


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "1"], "name one (--with)"),
        (["--restricted", "*"], "name one (--with)"),
        (["--with", "nobody"], "there is no external captioner 'nobody'"),
        (["--with", "slow", "--with", "slow"], "twice"),
        (["--with", "slow", "--external-settings", "none.toml"], "there are no settings none.toml"),
    ],
)
def test_wrong_options_are_one_line_before_anything_starts(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("MEZZETIN_EXTERNAL", str(file))
    monkeypatch.setenv("TEST_VISION_KEY", KEY)
    assert run(["serve", "--port", "0", *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == "" and words in err and len(err.splitlines()) == 1
