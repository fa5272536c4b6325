"""The report of a copy: how many files went, were there, conflict or failed, and which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mezzetin.storage.copying.listing import Problem

#: So many problems are named; all are counted.
NAMED = 1000
_LINES = 20


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What `store` did, or with `dry_run` what it would have done.

    `source` and `target` hold no secrets. `copied` files of `copied_bytes` bytes were written; `there` were found with
    the same content; `conflicts` have other content at the target and were left; `failed` could not be copied; `links`
    are folders behind symbolic links, which are not followed. `problems` names the first 1,000 of the last three.
    """

    source: str
    target: str
    copied: int
    there: int
    conflicts: int
    failed: int
    links: int
    copied_bytes: int
    seconds: float
    dry_run: bool
    problems: tuple[Problem, ...]

    @property
    def complete(self) -> bool:
        """Say whether every file of the source is at the target now."""
        return not (self.conflicts or self.failed)

    def lines(self) -> list[str]:
        """The report for people: a line of counts, then a line for each problem, up to twenty."""
        did = "would be copied" if self.dry_run else "copied"
        rate = f", {size(self.copied_bytes / self.seconds)}/s" if self.copied_bytes and not self.dry_run else ""
        counts = [
            f"{self.copied:,} {did} ({size(self.copied_bytes)} in {self.seconds:.1f} s{rate})",
            f"{self.there:,} already there",
            f"{self.conflicts:,} in conflict",
            f"{self.failed:,} failed",
        ]
        rows = [f"{self.source} to {self.target}: {', '.join(counts)}"]
        rows += [f"{problem.name}: {problem.message}" for problem in self.problems[:_LINES]]
        more = self.conflicts + self.failed + self.links - min(len(self.problems), _LINES)
        return [*rows, f"and {more:,} more: --json names up to {NAMED:,}"] if more else rows

    def to_json(self) -> dict[str, Any]:
        """The report for programs; `problems` as objects of `name`, `kind` and `message`."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "problems"}
        found = [{"name": one.name, "kind": one.kind, "message": one.message} for one in self.problems]
        return {**plain, "seconds": round(self.seconds, 3), "problems": found}


def size(count: float) -> str:
    """A number of bytes for people, in powers of a thousand."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
