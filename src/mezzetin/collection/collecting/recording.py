"""Recording: pictures and what is said of them, many together in one transaction.

Enters: tasks that are done, with what was told of them. Leaves: rows. Whoever kills the process loses the transaction
under way and nothing else: a picture is entered with its texts and vectors or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from mezzetin.collection import runs, texts, vectors
from mezzetin.collection.collecting.options import Collected
from mezzetin.collection.collecting.panel import Told
from mezzetin.collection.collecting.tasks import Task
from mezzetin.collection.opening import Collection
from mezzetin.collection.pictures import mark_done, mark_failed, see
from mezzetin.collection.rows import Actor, MachineText
from mezzetin.collection.writing import Writing
from mezzetin.records import Caption, ItemError

_DESCRIBED_TOGETHER = 64
_TOGETHER = 1000
_SECONDS = 3.0
_OF_THE_FILE = frozenset({"missing", "empty", "unsupported_format", "undecodable", "too_many_pixels", "unreadable"})
# Neither a failure: the first is what the house wants, the others end with the next budget or the service's rest.
_NOT_NOW = frozenset({"restricted", "budget_spent"})


class Recorder:
    """Enters what a run finds; used by one thread. `lang` is that of museum texts that name none."""

    def __init__(self, collection: Collection, run: int, who: str, lang: str, report: Collected) -> None:
        self._collection, self._run, self._actor = collection, run, Actor.machine(who)
        self._lang, self.report = lang, report
        self._waiting: list[tuple[Task, Told]] = []
        self._described = 0
        self._since = time.monotonic()

    def add(self, task: Task, told: Told) -> None:
        """Take one task; it is entered with its neighbours, a few seconds later at most if others follow."""
        # What was read is let go before the transaction.
        task.asked = task.content = None
        self._waiting.append((task, told))
        self._described += bool(told.captions)
        late = time.monotonic() - self._since > _SECONDS
        if late or self._described >= _DESCRIBED_TOGETHER or len(self._waiting) >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Enter what waits."""
        if self._waiting:
            with self._collection.writing(self._actor, "collect", self._run) as writing:
                outcomes = [self._entered(writing, task, told) for task, told in self._waiting]
                done, failed = outcomes.count("described"), outcomes.count("failed")
                runs.advance(writing, done=done, failed=failed)
            self._waiting.clear()
        self._described, self._since = 0, time.monotonic()

    def _entered(self, writing: Writing, task: Task, told: Told) -> str:
        report = self.report
        if task.put_off:
            report.put_off += 1
            if task.before is None:
                return "put off"
        seen = see(writing, task.sighting, still_there=lambda uri: uri != task.moved_from)
        report.what[seen.what] += 1
        report.pictures += 1
        if seen.id is None:
            return "forgotten"
        report.restricted += task.withheld
        self._give(writing, seen.id, task)
        if task.error is not None:
            self._fail(writing, seen.id, task, task.error)
            return "failed"
        if task.sighting.page == 0 and task.was_read:
            report.more_pages += task.sighting.pages - 1
        for space, vector in told.vectors.items():
            vectors.put_picture(writing, seen.id, space, vector, task.sighting.sha256)
        return self._tell(writing, seen.id, task, told.captions)

    def _give(self, writing: Writing, picture: int, task: Task) -> None:
        """Keep what the museum says itself, apart from what machines say."""
        record = task.record
        lang = record.lang or self._lang
        for kind, text in (("alt", record.alt_text), ("description", record.description)):
            if text.strip() and task.sighting.page == 0:
                outcome = texts.put_given(writing, picture, text, lang=_tag(lang, self._lang), kind=kind)
                self.report.given += outcome == "written"

    def _tell(self, writing: Writing, picture: int, task: Task, captions: Mapping[str, Caption]) -> str:
        report, written = self.report, 0
        broken = next((one.error for one in captions.values() if one.error and one.error.code in _OF_THE_FILE), None)
        if broken is not None:
            self._fail(writing, picture, task, broken)
            return "failed"
        for name, caption in captions.items():
            if caption.error is None:
                outcome = texts.put_machine(writing, picture, MachineText.of(caption, name))
                report.texts[name] += outcome == "written"
                report.kept += outcome == "kept"
                written += 1
            else:
                self._silent(writing, picture, name, caption.error)
        if written:
            report.described += 1
            return "described"
        before = task.before
        if before is not None and before.status == "failed":
            if not task.was_read:
                report.failed_before += 1
            elif not captions:
                # Its file can be used again, and nobody has anything to add.
                mark_done(writing, picture)
        return "silent" if captions else "same"

    def _silent(self, writing: Writing, picture: int, name: str, error: ItemError) -> None:
        key = f"{name}: {error.code}"
        if error.code in _NOT_NOW:
            self.report.left_out[key] += 1
            return
        self.report.silent[key] += 1
        self.report.examples.setdefault(key, error.message)
        mark_failed(writing, picture, error.code, error.message, captioner=name)

    def _fail(self, writing: Writing, picture: int, task: Task, error: ItemError) -> None:
        self.report.failed[error.code] += 1
        self.report.examples.setdefault(error.code, f"{task.record.uri}: {error.message}")
        mark_failed(writing, picture, error.code, error.message)


def _tag(lang: str, otherwise: str) -> str:
    """A language tag as the collection takes it; a record may say anything."""
    plain = lang.strip().replace("_", "-")
    return plain if plain.isascii() and plain.replace("-", "").isalnum() and len(plain) <= 35 else otherwise
