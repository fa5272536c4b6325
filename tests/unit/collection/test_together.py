"""Several processes at once, and one that is killed in the middle: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mezzetin.collection import bulk, history, people, queue, runs, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter
from tests.unit.collection.making import ANNA, filled

ROOT = Path(__file__).parents[3]

MACHINE = """
import sys
from pathlib import Path
from mezzetin.collection.opening import Collection
from tests.unit.collection.making import put, said
with Collection.open(sys.argv[1]) as collection:
    for turn in range(8):
        for picture in range(1, 21):
            put(collection, picture, said(f"machine {turn}", signature=f"s{turn}"))
"""
PEOPLE = """
import sys
from mezzetin.collection import people, texts
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor
who = Actor.person(sys.argv[2])
kept = 0
with Collection.open(sys.argv[1]) as collection:
    for picture in range(1, 21):
        while True:
            text = texts.of_picture(collection, picture)[0]
            if text.status == "edited":
                break
            try:
                people.edit(collection, who, text.id, f"{who.name} says {picture}", version=text.version)
                kept += 1
                break
            except Conflict:
                pass
print(kept)
"""
BULK = """
import sys
from mezzetin.collection import bulk
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter
from mezzetin.collection.rows import Actor
bulk._PIECE = 20
with Collection.open(sys.argv[1]) as collection:
    print("begun", flush=True)
    bulk.apply(collection, Actor.person("anna"), Filter(), "approve")
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)


def test_two_reviewers_and_a_run_at_once_lose_no_word(tmp_path: Path) -> None:
    filled(tmp_path / "c.sqlite", 20).close()
    path = tmp_path / "c.sqlite"
    processes = [start(MACHINE, path), start(PEOPLE, path, "anna"), start(PEOPLE, path, "ben")]
    outputs = [process.communicate(timeout=100)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert int(outputs[1]) + int(outputs[2]) == 20
    with Collection.open(path) as collection:
        for picture in range(1, 21):
            (text,) = texts.of_picture(collection, picture)
            assert text.text == f"{text.changed_by} says {picture}"
            versions = [change.version for change in history.of_text(collection, text.id)]
            assert versions == list(range(1, text.version + 1))


def test_a_bulk_action_that_is_killed_goes_on_without_loss_or_double(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    filled(path, 3000).close()
    process = start(BULK, path)
    with process, Collection.open(path) as collection:
        deadline = time.monotonic() + 60
        while not queue.statuses(collection).get("approved") and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        (run,) = runs.unfinished(collection, "bulk")
        approved = queue.statuses(collection)["approved"]
        assert 0 < approved < 3000
        assert run.done == approved
        ended = bulk.resume(collection, ANNA, run.id)
        assert (ended.state, ended.done) == ("done", 3000)
        assert queue.statuses(collection) == {"approved": 3000}
        assert collection.one("SELECT max(version) AS most FROM texts")["most"] == 2  # type: ignore[index]
        assert sum(1 for _ in history.of_run(collection, run.id)) == 3000
        assert history.undo_run(collection, ANNA, run.id).changed == 3000
        assert bulk.resume(collection, ANNA, run.id).state == "undone"


def test_the_queue_is_read_to_its_end_while_people_work_on_it(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 60) as collection:
        for order in queue.ORDERS:
            seen: list[int] = []
            after = None
            while True:
                page = queue.page(collection, Filter(), after=after, limit=7, order=order)
                seen += [item.text.id for item in page.items]
                if page.next is None:
                    break
                after = page.next
            expected = {"uncertain": range(1, 61), "sure": range(60, 0, -1), "newest": range(60, 0, -1)}[order]
            assert seen == list(expected)
        first = queue.page(collection, Filter(), limit=10)
        people.approve(collection, ANNA, 10, version=1)
        second = queue.page(collection, Filter(), after=first.next, limit=10)
        assert [item.text.id for item in second.items] == list(range(11, 21))


def test_the_queue_is_narrowed(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 9) as collection:
        people.edit(collection, ANNA, 3, "A 100% black_dog\0 here", version=1)
        for wanted, expected in (
            (Filter(statuses=("edited",), words="BLACK_dog\0 h"), [3]),
            (Filter(statuses=("edited",), words="blackxdog"), []),
            (Filter(words="no 7"), [7]),
            (Filter(min_confidence=0.7, max_confidence=0.85), [7, 8]),
            (Filter(lang="de"), []),
            (Filter(captioner="small", source="folder"), [1, 2, 4, 5, 6, 7, 8, 9]),
            (Filter(statuses=(), words="'; DROP TABLE texts; --"), []),
        ):
            assert list(queue.text_ids(collection, wanted)) == expected
            assert queue.count(collection, wanted) == len(expected)
        assert queue.confidences(collection, Filter(), bins=4) == [2, 1, 3, 2]
