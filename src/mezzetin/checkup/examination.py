"""The check-up itself: all checks at once, each on a thread and with a limit of time, told in a fixed order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mezzetin.checkup import cloud, machine
from mezzetin.checkup.findings import Checkup, Finding, Tell
from mezzetin.checkup.places import look_at
from mezzetin.errors import MezzetinError
from mezzetin.records import Progress
from mezzetin.storage.paths import Place

Report = Callable[[Progress], None]
#: Seconds: a store that does not answer is asked several times before it counts as unreachable.
_PLACE_S = 90.0


@dataclass
class Check:
    """One check: what it looks at, how long it may take, what it does."""

    group: str
    name: str
    seconds: float
    look: Callable[[Tell], None]
    #: Whether it matters when there is no answer in time.
    needed: bool = False
    found: list[Finding] = field(default_factory=list)
    broken: BaseException | None = None

    def run(self) -> None:
        """Look, and keep what is found as it comes, so that a slow end does not take the beginning with it."""
        try:
            self.look(self.found.append)
        except (MezzetinError, OSError) as error:
            self.found.append(Finding(self.group, self.name, "no" if self.needed else "note", str(error)))
        # Any other is a slip of ours: it is raised again by the thread that waits.
        except BaseException as error:
            self.broken = error


def _silent(progress: Progress) -> None:
    pass


def doctor(places: Iterable[str | Path] = (), *, write: bool = False, report: Report = _silent) -> Checkup:
    """Look at this machine and at places: what works, what can be listed and read, and what to do about the rest.

    `write` puts a small file into each place and deletes it. A place that can't be reached is a finding.

    Raises:
        InputError: a place is of a kind that nothing here reads.

    """
    named = [Place.of(place) for place in places]
    checks = [
        Check("this machine", "software", 5, machine.software, needed=True),
        Check("this machine", "captioning", 60, machine.captioning, needed=True),
        Check("this machine", "GPU", 60, machine.gpu),
        Check("this machine", "Java", 20, machine.java),
        Check("this machine", "resources", 5, machine.resources),
        Check("extras", "extras", 5, machine.extras),
        Check("network and accounts", "model hub", 5, cloud.hub),
        Check("network and accounts", "variables", 5, cloud.variables),
        Check("network and accounts", "Azure", 30, cloud.azure),
    ]
    checks += [
        Check(str(place), "reach", _PLACE_S, partial(look_at, place, write=write), needed=True) for place in named
    ]
    found = [finding for each in _all_run(checks, report) for finding in each]
    return Checkup(tuple(found), tuple(str(place) for place in named))


def _all_run(checks: Sequence[Check], report: Report) -> list[list[Finding]]:
    begin = time.monotonic()
    # Daemons: what takes too long is left behind.
    threads = [threading.Thread(target=check.run, name=f"mezzetin-{check.name}", daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    results = []
    for done, (check, thread) in enumerate(zip(checks, threads, strict=True)):
        while thread.is_alive() and (left := begin + check.seconds - time.monotonic()) > 0:
            report(Progress("doctor", done, len(checks), check.name))
            thread.join(min(left, 0.5))
        if check.broken is not None:
            raise check.broken
        late = thread.is_alive()
        results.append([*check.found, *([_too_slow(check)] if late else [])])
    return results


def _too_slow(check: Check) -> Finding:
    says = f"no answer in {check.seconds:.0f} seconds"
    return Finding(check.group, check.name, "no" if check.needed else "note", says)
