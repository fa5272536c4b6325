"""Promotion: an alias moves to another version, to `champion` only through the gate.

Enters: a registry, one of its versions, the pictures to judge by. Leaves: a `Promotion`; who promoted what when, what
the gate found and why it was overruled stand in the version's tags.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mezzetin.captioner import BundleCaptioner
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress
from mezzetin.registry.base import CHAMPION, ModelVersion, Registry
from mezzetin.registry.naming import check_alias
from mezzetin.registry.reference import pulled
from mezzetin.storage.paths import Place

if TYPE_CHECKING:
    from mezzetin.evaluation.gate import GateLine
    from mezzetin.evaluation.rules import GateRules

Report = Callable[[Progress], None]
GATE, FORCED, PROMOTED = "mezzetin_gate", "mezzetin_forced", "mezzetin_promoted"
_LONGEST_TAG = 900
_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class Judges:
    """By what a promotion is judged: pictures with captions, a split of them, rules, or why nobody is to judge.

    `gate` is a TOML file or its rules; left out, nothing may be significantly worse than the present champion's.
    """

    dataset: str | Path | None = None
    split: str = "val"
    gate: str | Path | GateRules | None = None
    force: str | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """What became of it: `version` as it is now, where `alias` pointed before, what the gate said.

    `alias` is None where a version was only registered. Not `promoted`, the gate refused; the alias is where it was.
    """

    version: ModelVersion
    alias: str | None = None
    promoted: bool = False
    previous: ModelVersion | None = None
    lines: tuple[GateLine, ...] = ()
    reason: str | None = None


def check_promotion(registry: Registry, name: str, digest: str, alias: str, judges: Judges) -> None:
    """Refuse what can't be judged, before anything is done.

    Raises:
        InputError: the alias is none, the reason is empty, or a champion is there and nothing to judge by.

    """
    check_alias(alias)
    if judges.force is not None and not 0 < len(judges.force.strip()) <= _LONGEST_REASON:
        raise InputError(f"--force needs a reason of 1 to {_LONGEST_REASON} characters, which is kept with the version")
    present = _present(registry, name, alias)
    judged = alias == CHAMPION and (present is not None or judges.gate is not None)
    if judged and judges.dataset is None and judges.force is None and (present is None or present.digest != digest):
        beside = "by the gate" if present is None else f"beside the champion {name}/{present.version}"
        raise InputError(f"a champion is judged {beside}: name pictures with captions, --dataset DATASET")


def promote_version(registry: Registry, version: ModelVersion, alias: str, judges: Judges, report: Report) -> Promotion:
    """Let `alias` point to a version; to be `champion` it must not be worse than the present one, unless forced.

    Raises:
        InputError: as `check_promotion`, or the gate's file is wrong.
        DatasetError: the split is empty, or one of the two was trained on it.
        EnvironmentProblem: the registry does not answer, or somebody else promoted another in the meantime.

    """
    check_promotion(registry, version.name, version.digest, alias, judges)
    present = _present(registry, version.name, alias)
    if present is not None and present.version == version.version:
        return Promotion(present, alias, promoted=True, previous=present)
    lines: tuple[GateLine, ...] = ()
    if alias == CHAMPION and judges.dataset is not None and (present is not None or judges.gate is not None):
        lines = _judged(registry, version, present, judges, report)
        registry.tag(version.name, version.version, {GATE: _found(lines, present, judges)})
    if judges.force is None and any(line.outcome == "failed" for line in lines):
        return Promotion(version, alias, promoted=False, previous=present, lines=lines)
    _check_unmoved(registry, version, alias, present)
    # Told before it happens: an alias never points to what nobody accounts for.
    account = _account(alias, present, judges.force)
    registry.tag(version.name, version.version, account)
    try:
        _check_unmoved(registry, version, alias, present)
    except EnvironmentProblem:
        registry.tag(version.name, version.version, {key: version.tags.get(key) for key in account})
        raise
    registry.set_alias(version.name, alias, version.version)
    moved = registry.find(version.name, version=version.version)
    return Promotion(moved, alias, promoted=True, previous=present, lines=lines, reason=judges.force)


def _present(registry: Registry, name: str, alias: str) -> ModelVersion | None:
    """Where an alias points; None where there is none."""
    if name not in registry.names():
        return None
    return next((one for one in registry.versions(name) if alias in one.aliases), None)


def _check_unmoved(registry: Registry, version: ModelVersion, alias: str, present: ModelVersion | None) -> None:
    """Refuse to move an alias that somebody else has moved since: what was judged is of no use then."""
    now = _present(registry, version.name, alias)
    if (now and now.version) != (present and present.version):
        raise EnvironmentProblem(f"{version.name}@{alias} was moved by somebody else: run the same command again")


def _judged(
    registry: Registry, version: ModelVersion, present: ModelVersion | None, judges: Judges, report: Report
) -> tuple[GateLine, ...]:
    """What the gate says of a version, its slices and all its pictures beside the present champion's captions."""
    from mezzetin.data.dataset import Dataset
    from mezzetin.evaluation.contestant import contestant, task_of
    from mezzetin.evaluation.gate import gate, overall_line
    from mezzetin.evaluation.rules import GateRules, SliceRules, read_gate
    from mezzetin.evaluation.run import judge

    asked = judges.gate
    if asked is None:
        asked = GateRules(slices=SliceRules(no_worse=True))
    rules = read_gate(asked) if isinstance(asked, str | Path) else asked
    data = Dataset.open(judges.dataset or "")
    others = None
    if present is not None:
        task = task_of(data, judges.split)
        said = contestant(BundleCaptioner(pulled(registry, present)), task, report=report)
        others = dict(zip(task.names, said.captions, strict=True))
    captioner = BundleCaptioner(pulled(registry, version))
    with_meteor = "METEOR" in rules.floors.metrics
    read = ("slices", "truth", "reliability")
    found = judge(captioner, data, judges.split, with_meteor=with_meteor, with_findings=read, report=report)
    lines = gate(found, rules, others)
    if present is None or others is None:
        return lines
    return (overall_line(found, others, f"the champion {version.name}/{present.version}"), *lines)


def _found(lines: Sequence[GateLine], present: ModelVersion | None, judges: Judges) -> str:
    """What the gate found, as short as a tag must be: counts, and which rules failed and why."""
    failed = [f"{line.rule}: {line.why}" for line in lines if line.outcome == "failed"]
    found: dict[str, Any] = {
        "passed": not failed,
        "against": None if present is None else f"{present.name}/{present.version}",
        "dataset": Place.of(judges.dataset or "").name,
        "split": judges.split,
        "rules": {kind: sum(line.outcome == kind for line in lines) for kind in ("passed", "failed", "told")},
        **_signed(),
    }
    text = json.dumps(found, ensure_ascii=False)
    for count in range(len(failed), 0, -1):
        longer = json.dumps({**found, "failed": failed[:count]}, ensure_ascii=False)
        if len(longer) <= _LONGEST_TAG:
            return longer
    return text


def _account(alias: str, present: ModelVersion | None, reason: str | None) -> dict[str, str]:
    account = {"to": alias, "from": None if present is None else present.version, **_signed()}
    tags = {PROMOTED: json.dumps(account, ensure_ascii=False)}
    if reason is not None:
        tags[FORCED] = json.dumps({"reason": reason.strip(), **account}, ensure_ascii=False)
    return tags


def _signed() -> dict[str, str]:
    """Who and when."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have a number and no name.
        who = str(os.getuid())
    return {"by": who, "at": datetime.now(UTC).isoformat(timespec="seconds")}
