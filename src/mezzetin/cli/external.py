"""Other captioners beside ours in `mezzetin caption`: its options, what is printed of them, what they cost.

Nobody is asked who was not named with `--with`. A failure of theirs costs their own caption: neither ours nor the exit
code changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli.output import Output, model_to_json
from mezzetin.errors import InputError
from mezzetin.records import Caption, ItemError

if TYPE_CHECKING:
    from mezzetin.captioner import BundleCaptioner
    from mezzetin.external import External, Usage

With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="NAME", help="Ask this external captioner as well. It costs money. Repeatable."),
]
SettingsFile = Annotated[
    str | None, typer.Option("--external-settings", metavar="FILE", help="TOML with a table [external.NAME] each.")
]
BudgetLimit = Annotated[
    float | None, typer.Option("--budget", min=0, help="Ask them no more before they cost more than this together.")
]
Restricted = Annotated[
    list[str] | None,
    typer.Option("--restricted", metavar="PATTERN", help="Never send pictures of such names, e.g. */private/*."),
]
Row = tuple[str, Caption, Mapping[str, Caption]]


@dataclass
class Others:
    """The external captioners of one command, by name, and what became of the pictures that they were given."""

    captioners: dict[str, External]
    restricted: tuple[str, ...] = ()
    failures: dict[str, Counter[str]] = field(default_factory=dict)
    errors: dict[tuple[str, str], str] = field(default_factory=dict)

    def beside(self, captioner: BundleCaptioner, places: list[str]) -> Iterator[Row]:
        """Caption what the places name, here and by the others."""
        from mezzetin import api

        if not self.captioners:
            yield from ((name, row, {}) for name, row in api.caption(places, captioner=captioner))
            return
        from mezzetin.external import caption_beside
        from mezzetin.worker import read_ahead

        with ExitStack() as stack:
            self.open(stack)
            items = read_ahead(api.find_pictures(places))
            for row in caption_beside(captioner, self.captioners, items, restricted=self._is_restricted):
                self._count(row[2])
                yield row

    def open(self, stack: ExitStack) -> list[External]:
        """The captioners, which are closed with the `stack`."""
        return [stack.enter_context(other) for other in self.captioners.values()]

    def summary(self, output: Output) -> None:
        """Tell calls, captions, failures and cost of each."""
        if self.captioners:
            output.record({"external_usage": {name: self._usage_to_json(name) for name in self.captioners}})
        for name, other in self.captioners.items():
            output.tell(f"{name}: {_in_words(other.usage)}")
            for code, number in self.failures.get(name, Counter()).items():
                output.tell(f"{name}: {number:,} without a caption: {code}: {self.errors[name, code]}")

    def _is_restricted(self, name: str) -> bool:
        from mezzetin.external import is_restricted

        return is_restricted(name, self.restricted)

    def _count(self, captions: Mapping[str, Caption]) -> None:
        for name, row in captions.items():
            if row.error is not None:
                self.failures.setdefault(name, Counter())[row.error.code] += 1
                # One message a code: that of each picture is in the JSON.
                self.errors.setdefault((name, row.error.code), row.error.message)

    def _usage_to_json(self, name: str) -> dict[str, Any]:
        usage = self.captioners[name].usage
        return {
            "calls": usage.calls,
            "captions": usage.captions,
            "input_tokens": usage.tokens.read,
            "output_tokens": usage.tokens.written,
            "cost": None if usage.cost is None else float(usage.cost),
            "failures": dict(self.failures.get(name, {})),
        }


def chosen(
    names: list[str] | None, settings: str | None, budget: float | None, restricted: list[str] | None = None
) -> Others:
    """Open the captioners that were named; none is the common case.

    Raises:
        InputError: a name is unknown or twice there, a setting is wrong, or an option is for `--with` only.
        MissingExtra: what one of them needs is not installed.

    """
    if not names:
        if settings is not None or budget is not None or restricted:
            raise InputError(
                "options of external captioners are for --with: name a captioner with it, or leave them out"
            )
        return Others({})
    from mezzetin.external import external_captioners

    return Others(external_captioners(names, settings, budget=budget), tuple(restricted or ()))


def beside_to_json(captions: Mapping[str, Caption]) -> dict[str, Any]:
    """The field `external` of a picture's object; nothing where nobody else was asked."""
    if not captions:
        return {}
    return {"external": {name: _to_json(row) for name, row in captions.items()}}


def beside_lines(captions: Mapping[str, Caption]) -> Iterator[str]:
    """The lines below our caption: each captioner's words with its confidence, or why there are none."""
    for name, row in captions.items():
        if row.error is not None:
            yield f"    {name}: ({row.error.code})"
        else:
            sure = "" if row.confidence is None else f" ({row.confidence:.2f})"
            yield f"    {name}: {row.text}{sure}"


def _to_json(row: Caption) -> dict[str, Any]:
    return {
        "caption": row.text,
        "language": row.language,
        "confidence": row.confidence,
        "model": model_to_json(row.model),
        "error": _error_to_json(row.error),
    }


def _error_to_json(error: ItemError | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "message": error.message}


def _in_words(usage: Usage) -> str:
    calls = f"{usage.calls:,} call{'' if usage.calls == 1 else 's'}"
    captions = f"{usage.captions:,} caption{'' if usage.captions == 1 else 's'}"
    total = usage.tokens.read + usage.tokens.written
    tokens = f", {total:,} tokens" if total else ""
    cost = "cost unknown (no price in the settings)" if usage.cost is None else f"cost {usage.cost.normalize():f}"
    return f"{captions}, {calls}{tokens}, {cost}"
