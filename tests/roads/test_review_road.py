"""Review as it is lived: two people and a machine at once, and a server that is killed in the middle of its work."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx2

from mezzetin.collection import history, people, pictures, queue, runs, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter
from mezzetin.collection.rows import Actor, Sighting
from tests.roads.serve_process import Served, serving
from tests.unit.serving.reviewable import SMALL, museum, said

PICTURES = 60
MANY = 4000
#: A machine that describes everything anew, again and again, from a process of its own.
RERUN = """
import sys
import time
from mezzetin.collection import texts
from mezzetin.collection.opening import Collection
from tests.unit.serving.reviewable import SMALL, said
with Collection.open(sys.argv[1]) as collection:
    for turn in range(1000):
        with collection.writing(SMALL, "collect") as writing:
            for number in range(1, 61):
                texts.put_machine(writing, number, said(number, 0.5, f"turn {turn}"))
        print(turn, flush=True)
        # As long as the next batch is being looked at.
        time.sleep(0.1)
"""


def token_of(client: httpx2.Client) -> str:
    found = re.search(r'name="csrf-token" content="([0-9a-f]+)"', client.get("/review").text)
    assert found
    return found.group(1)


def review(address: str, name: str, saved: dict[int, list[str]], failures: list[str]) -> None:
    """Edit every text as a person would: whoever was overtaken looks again and saves over it."""
    with httpx2.Client(base_url=address, headers={"Accept": "application/json"}, timeout=60) as client:
        token = token_of(client)
        numbers = list(range(1, PICTURES + 1))
        random.Random(name).shuffle(numbers)
        for number in numbers:
            words, version = f"{name} on {number}.", "1"
            for _ in range(50):
                fields = {"csrf_token": token, "verb": "edit", "version": version, "text": words, "shown": ""}
                answer = client.post(f"/review/texts/{number}", data=fields)
                if answer.status_code == 200:
                    saved[number].append(words)
                    break
                found = re.search(r'name="version" value="(\d+)"', answer.json().get("card", ""))
                if answer.status_code != 409 or not found or words not in answer.json()["card"]:
                    failures.append(answer.text[:300])
                    return
                version = found.group(1)


def test_two_reviewers_and_a_rerun_lose_no_word(tmp_path: Path) -> None:
    path = tmp_path / "museum.sqlite"
    museum(path, {f"{number}.jpg": b"x" for number in range(1, PICTURES + 1)}).close()
    saved: dict[int, list[str]] = {number: [] for number in range(1, PICTURES + 1)}
    failures: list[str] = []
    with (
        serving(
            collection=str(path), jobs=str(tmp_path / "jobs"), decoders=1, threads=1, log_level="warning"
        ) as served,
        subprocess.Popen([sys.executable, "-c", RERUN, str(path)], stdout=subprocess.PIPE, text=True) as machine,
    ):
        assert machine.stdout and machine.stdout.readline()
        both = [
            threading.Thread(target=review, args=(served.address, name, saved, failures)) for name in ("Anna", "Ben")
        ]
        for person in both:
            person.start()
        for person in both:
            person.join(120)
        machine.kill()
    assert failures == []
    with Collection.open(path) as collection:
        for number, words in saved.items():
            found = texts.get(collection, number)
            changes = list(history.of_text(collection, number))
            mine = [change.new_text for change in changes if change.by_person]
            # Both are in the history, each once, and the last stands: no machine wrote after a person.
            assert sorted(words) == [f"Anna on {number}.", f"Ben on {number}."] == sorted(mine, key=str)
            assert found and found.status == "edited" and found.text == mine[-1]
            assert [change.version for change in changes] == list(range(1, len(changes) + 1))
            assert all(change.by_person for change in changes[-2:])


def begun(served: Served, verb: str) -> int:
    """Begin a bulk action on everything; its run."""
    page = served.client.get(f"/review/bulk?verb={verb}")
    upto = re.search(r'name="upto" value="(\d+)"', page.text)
    assert upto
    fields = {"csrf_token": token_of(served.client), "verb": verb, "upto": upto.group(1)}
    answer = served.client.post("/review/bulk", data=fields)
    return int(answer.headers["Location"].rpartition("/")[2])


def test_a_server_that_is_killed_in_a_bulk_action_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "museum.sqlite"
    many(path)
    settings: dict[str, Any] = {
        "collection": str(path),
        "jobs": str(tmp_path / "jobs"),
        "decoders": 1,
        "threads": 1,
        "log_level": "warning",
    }
    with Collection.open(path) as collection:
        people.edit(collection, Actor.person("ben"), 7, "Ben's own.", version=1)
        with serving(**settings) as served:
            run = begun(served, "approve")
            while (now := runs.get(collection, run)) is None or now.done == 0:
                time.sleep(0.001)
            served.process.kill()
            served.process.wait()
        cut = runs.get(collection, run)
        assert cut and cut.state == "running" and 0 < cut.done < MANY
        with serving(**settings):
            until = time.monotonic() + 60
            while (now := runs.get(collection, run)) and now.state == "running" and time.monotonic() < until:
                time.sleep(0.02)
        assert now and now.state == "done" and now.done == MANY - 1
        changes = [change.text_id for change in history.of_run(collection, run)]
        assert len(changes) == len(set(changes)) == MANY - 1 == queue.count(collection, Filter(statuses=("approved",)))
        kept = texts.get(collection, 7)
        assert kept and kept.text == "Ben's own." and kept.version == 2


def many(path: Path) -> None:
    """A collection of many pictures that nobody has to see."""
    with Collection.open(path, create=True) as collection:
        for start in range(1, MANY + 1, 500):
            with collection.writing(SMALL, "collect") as writing:
                for number in range(start, start + 500):
                    seen = pictures.see(writing, Sighting("drawn", f"/p/{number}.jpg", sha256=f"{number:064x}"))
                    assert seen.id == number
                    texts.put_machine(writing, number, said(number, number / (MANY + 1)))
