"""Findings: what a check-up found, for people and programs, and what it means for an exit code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "note", "no"]
_SIGNS = {"ok": "ok", "note": "-", "no": "NO"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, in `group` (a part of the machine, or a place).

    `state` is "ok" (it works), "no" (it is needed or was asked for, and does not) or "note" (nothing depends on it).
    `says` holds no secrets; `advice` is what to do, or empty.
    """

    group: str
    name: str
    state: State
    says: str
    advice: str = ""


Tell = Callable[[Finding], None]


@dataclass(frozen=True, slots=True)
class Checkup:
    """All findings in order; `places` are the groups that somebody asked about."""

    findings: tuple[Finding, ...]
    places: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 where all that was asked for works, 1 where a place works in part, 3 where one or the machine does not."""
        worst = 0
        for group in {finding.group for finding in self.findings}:
            states = {finding.state for finding in self.findings if finding.group == group}
            if "no" in states:
                worst = max(worst, 1 if group in self.places and "ok" in states else 3)
        return worst

    def lines(self) -> list[str]:
        """A table a group: sign, name, what was found; advice is a line of its own."""
        rows: list[str] = []
        width = max((len(finding.name) for finding in self.findings), default=0)
        group = None
        for finding in self.findings:
            if finding.group != group:
                rows += [""] if rows else []
                rows.append(finding.group)
                group = finding.group
            rows.append(f"  {_SIGNS[finding.state]:<2}  {finding.name:<{width}}  {finding.says}")
            if finding.advice:
                rows.append(f"      {'':<{width}}  {finding.advice}")
        return rows

    def to_json(self) -> dict[str, Any]:
        """The findings as objects, and the exit code."""
        return {
            "places": list(self.places),
            "findings": [asdict(finding) for finding in self.findings],
            "exit_code": self.exit_code,
        }
