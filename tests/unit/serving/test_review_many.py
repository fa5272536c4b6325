"""Many texts at once, approval by sample, and who may do what."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import bulk, history, people, queue, runs, sampling, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter
from mezzetin.collection.rows import Actor
from mezzetin.serving.app import create_app
from mezzetin.serving.keys import add_key
from mezzetin.serving.settings import ServeSettings
from tests.unit.serving.conftest import Photograph, listening
from tests.unit.serving.reviewable import museum

COUNT = 40
PAGE = {"Accept": "text/html"}
BEN = Actor.person("ben")


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(str(bundle_path), threads=1)


@pytest.fixture
def collection(tmp_path: Path, photograph: Photograph) -> Iterator[Collection]:
    content = photograph()
    with museum(tmp_path / "museum.sqlite", {f"{n}.jpg": content for n in range(1, COUNT + 1)}) as opened:
        yield opened


@pytest.fixture
def settings(collection: Collection, tmp_path: Path) -> ServeSettings:
    return ServeSettings(jobs=tmp_path / "jobs", decoders=1, threads=1, collection=collection.path)


@pytest.fixture
def client(settings: ServeSettings, captioner: BundleCaptioner) -> Iterator[httpx2.Client]:
    with (
        listening(create_app(settings, captioner=captioner)) as address,
        httpx2.Client(base_url=address, headers=PAGE, follow_redirects=True) as client,
    ):
        yield client


def post(client: httpx2.Client, path: str, **fields: str | int) -> httpx2.Response:
    found = re.search(r'name="csrf-token" content="([0-9a-f]+)"', client.get("/review").text)
    assert found
    values = {"csrf_token": found.group(1)} | {name.rstrip("_"): str(one) for name, one in fields.items()}
    return client.post(path, data=values)


def finished(collection: Collection, run_id: int) -> str:
    until = time.monotonic() + 30
    while (run := runs.get(collection, run_id)) and run.state == "running" and time.monotonic() < until:
        time.sleep(0.02)
    assert run
    return run.state


def approved(collection: Collection) -> int:
    return queue.count(collection, Filter(statuses=("approved",)))


def test_a_bulk_action_is_looked_at_done_and_undone(client: httpx2.Client, collection: Collection) -> None:
    page = client.get("/review/bulk?from=50&verb=approve").text
    count = queue.count(collection, Filter(min_confidence=0.5))
    assert f"Approve all {count}" in page and page.count('<div class="mat">') == 9
    upto = re.search(r'name="upto" value="(\d+)"', page)
    assert upto
    # What changes after the look is left alone.
    people.edit(collection, BEN, COUNT - 1, "Ben's words.", version=1)
    run = post(client, "/review/bulk", verb="approve", upto=upto.group(1), from_="50")
    number = int(str(run.url).rpartition("/")[2])
    assert finished(collection, number) == "done" and approved(collection) == count - 1
    people.reject(collection, BEN, 30, version=2)
    overtaken = post(client, f"/review/runs/{number}/undo")
    assert overtaken.status_code == 409 and "Undo the others" in overtaken.text and approved(collection) == count - 2
    post(client, f"/review/runs/{number}/undo", skip=1)
    assert approved(collection) == 0
    rejected = texts.get(collection, 30)
    assert rejected and rejected.status == "rejected"


def test_a_bulk_action_that_was_cut_off_goes_on_with_the_next_server(
    collection: Collection, settings: ServeSettings, captioner: BundleCaptioner
) -> None:
    run = bulk.begin(collection, BEN, Filter(), "approve")
    with listening(create_app(settings, captioner=captioner)):
        assert finished(collection, run.id) == "done"
    done = list(history.of_run(collection, run.id))
    assert len(done) == len({change.text_id for change in done}) == approved(collection) == COUNT - 1
    assert {change.who for change in done} == {"ben"}


def test_a_band_is_approved_by_sample_and_never_shown_as_read(client: httpx2.Client, collection: Collection) -> None:
    band = queue.count(collection, Filter(min_confidence=0.5))
    assert f"{band} texts that nobody has read" in client.get("/review/samples?from=50").text
    page = post(client, "/review/samples", size=5, from_="50").text
    assert "none has been judged yet" in page
    for judged in range(5):
        following = sampling.to_judge(collection, 1)
        assert following
        verdict = "not" if judged == 2 else "acceptable"
        page = post(client, "/review/samples/1/verdicts", text=following.text_id, version=1, verdict=verdict).text
    assert "80 % (" in page and f"Of {band} captions above 0.5" in page
    early = post(client, "/review/samples/1/approve", least=99)
    assert early.status_code == 400 and approved(collection) == 0
    post(client, "/review/samples/1/approve")
    run = next(run for run in runs.latest(collection, "band"))
    assert finished(collection, run.id) == "done"
    counts = queue.statuses(collection)
    assert (counts["approved"], counts["rejected"], counts["sampled"]) == (4, 1, band - 5)
    shown = client.get("/review?status=sampled").text
    assert "Approved by sample, unread" in shown and "nobody has read this one" in shown
    assert "Approved by a person</span>" not in shown
    assert f"/review/runs/{run.id}" in client.get("/review/samples/1").text


def test_a_verdict_can_be_taken_back_and_is_refused_for_other_words(
    client: httpx2.Client, collection: Collection
) -> None:
    post(client, "/review/samples", size=3, from_="0", to="100")
    first = sampling.to_judge(collection, 1)
    assert first
    post(client, "/review/samples/1/verdicts", text=first.text_id, version=1, verdict="not")
    post(client, "/review/samples/1/take-back", text=first.text_id)
    assert sampling.estimate(collection, 1).judged == 0
    people.edit(collection, BEN, first.text_id, "Other words.", version=1)
    answer = post(client, "/review/samples/1/verdicts", text=first.text_id, version=1, verdict="acceptable")
    assert answer.status_code == 409 and sampling.estimate(collection, 1).judged == 0


def test_each_role_may_do_what_it_is_for(settings: ServeSettings, captioner: BundleCaptioner, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = {role: add_key(role, file, role) for role in ("viewer", "reviewer", "admin")}
    app = create_app(settings.model_copy(update={"keys_file": file}), captioner=captioner)
    may: dict[str, list[int]] = {}
    with listening(app) as address:
        assert httpx2.get(f"{address}/review").status_code == 401
        for number, (role, key) in enumerate(keys.items(), start=1):
            with httpx2.Client(base_url=address, headers={**PAGE, "X-Api-Key": key}, follow_redirects=True) as client:
                decided = post(client, f"/review/texts/{number}", verb="approve", version=1)
                many = post(client, "/review/bulk", verb="reject", upto=0)
                may[role] = [client.get("/review").status_code, decided.status_code, many.status_code]
                assert ('value="approve"' in client.get("/review").text) == (role != "viewer")
    assert may == {"viewer": [200, 403, 403], "reviewer": [200, 200, 403], "admin": [200, 200, 200]}
