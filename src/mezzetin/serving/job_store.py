"""Jobs on disk: a folder each, in which a killed server finds all that it needs to go on.

    ID/job.json        what the job is and how it ended
    ID/items.jsonl     what to caption: a URL or a path in the folder a line, 0600, removed when the job ends
    ID/source          the SAS URI of the folder, 0600, removed when the job ends
    ID/results.jsonl   a line a picture that is done, in order; as many as there are, are done

A line that was cut off in its middle is cut away when the job goes on, so that nothing is doubled or missed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from mezzetin.errors import EnvironmentProblem
from mezzetin.records import ItemError
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing

_ID = re.compile(r"[0-9a-f]{32}")
ENDED = ("done", "failed")


@dataclass(frozen=True, slots=True)
class Job:
    """What a job is: `state` is queued, running, done or failed; `total` is None until its folder was listed."""

    id: str
    owner: str | None
    created: str
    neutral: bool
    external: tuple[str, ...]
    state: str = "queued"
    total: int | None = None
    done: int = 0
    failed: int = 0
    error: ItemError | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED


class JobStore:
    """The folder of one server's jobs.

    Raises:
        EnvironmentProblem: it can't be written, or another server uses it.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with writing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (folder / ".lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise EnvironmentProblem(f"{folder} is used by another server: name another with --jobs FOLDER") from error

    def close(self) -> None:
        """Let another server have the folder."""
        self._lock.close()

    def new(self, owner: str | None, *, neutral: bool, external: tuple[str, ...]) -> Job:
        """Make a job's folder."""
        job = Job(uuid4().hex, owner, datetime.now(UTC).isoformat(timespec="seconds"), neutral, external)
        self._place(job.id).mkdir(mode=0o700)
        return job

    def save(self, job: Job) -> None:
        """Write what the job is; an ended job forgets what it was made from."""
        write_atomically(self._place(job.id) / "job.json", json.dumps(asdict(job)).encode())
        if job.ended:
            for name in ("source", "items.jsonl", "items.part"):
                (self._place(job.id) / name).unlink(missing_ok=True)

    def load(self) -> list[Job]:
        """The jobs that are there, oldest first; those of which nothing was promised yet are removed."""
        found = []
        for folder in self.folder.iterdir():
            if not _ID.fullmatch(folder.name):
                continue
            if (folder / "job.json").is_file():
                found.append(_job(json.loads((folder / "job.json").read_bytes())))
            else:
                shutil.rmtree(folder)
        return sorted(found, key=lambda job: (job.created, job.id))

    def remove(self, job_id: str) -> None:
        """Forget a job and its results."""
        shutil.rmtree(self._place(job_id))

    def keep_source(self, job_id: str, sas_uri: str) -> None:
        """Keep the SAS URI that the job needs, for nobody else's eyes."""
        _write_private(self._place(job_id) / "source", [sas_uri])

    def source(self, job_id: str) -> str | None:
        """The SAS URI of the job's folder; None where it is made from URLs."""
        path = self._place(job_id) / "source"
        return path.read_text(encoding="utf-8").rstrip("\n") if path.is_file() else None

    def keep_items(self, job_id: str, items: Iterable[str]) -> int:
        """Keep what is to be captioned, all or nothing; return how many there are."""
        beside = self._place(job_id) / "items.part"
        count = _write_private(beside, (json.dumps(item) for item in items))
        beside.replace(self._place(job_id) / "items.jsonl")
        return count

    def items(self, job_id: str, skip: int) -> Iterator[str]:
        """What is to be captioned after the first `skip`, one by one."""
        with (self._place(job_id) / "items.jsonl").open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if number >= skip:
                    yield json.loads(line)

    def results(self, job_id: str) -> Path:
        """The file of results, which may not be there yet."""
        return self._place(job_id) / "results.jsonl"

    def add(self, job_id: str, line: str) -> None:
        """Add a result."""
        with self.results(job_id).open("ab") as stream:
            stream.write(line.encode() + b"\n")

    def mend(self, job_id: str) -> tuple[int, int]:
        """Cut away a result that was cut off; return how many there are, and how many of them are errors."""
        path = self.results(job_id)
        if not path.is_file():
            return 0, 0
        done = failed = whole = 0
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                done += 1
                failed += json.loads(line)["error"] is not None
        os.truncate(path, whole)
        return done, failed

    def _place(self, job_id: str) -> Path:
        return self.folder / job_id


def is_old(job: Job, days: float) -> bool:
    """Say whether a job was made more than so many days ago."""
    return datetime.now(UTC) - datetime.fromisoformat(job.created) > timedelta(days=days)


def _job(plain: dict[str, object]) -> Job:
    error = plain.pop("error")
    known = ItemError(**error) if isinstance(error, dict) else None
    external = plain.pop("external")
    return Job(**plain, external=tuple(external) if isinstance(external, list) else (), error=known)  # type: ignore[arg-type]


def _write_private(path: Path, lines: Iterable[str]) -> int:
    path.unlink(missing_ok=True)
    count = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        for line in lines:
            stream.write(line + "\n")
            count += 1
        stream.flush()
        os.fsync(stream.fileno())
    return count
