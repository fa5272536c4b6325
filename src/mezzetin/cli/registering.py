"""`mezzetin register`, `models`, `promote`, `pull`, `unregister`: what the registry holds, and which one users get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli.evaluation import gate_lines
from mezzetin.cli.output import AsJson, Output, Plain, opened
from mezzetin.errors import InputError

if TYPE_CHECKING:
    from mezzetin.evaluation.promotion import Promotion
    from mezzetin.registry.base import ModelVersion

Registry = Annotated[
    str | None,
    typer.Option("--registry", metavar="URI", help="Default: MEZZETIN_REGISTRY, or a file in your own data folder."),
]
Data = Annotated[
    str | None, typer.Option("--dataset", metavar="DATASET", help="Pictures to judge a champion by; what ingest made.")
]
Split = Annotated[str, typer.Option(help="Which split of it; neither of the two must have learned from it.")]
Gate = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="TOML with rules. Default: nothing is significantly worse than the champion's."),
]
Force = Annotated[
    str | None, typer.Option(metavar="REASON", help="Promote it whatever the gate says; the reason is kept.")
]
_DIGITS = 12


def register(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="What `mezzetin train` made.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the model is called in the registry.")],
    alias: Annotated[str | None, typer.Option(metavar="ALIAS", help="Promote it too, such as to champion.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Repeatable.")] = None,
    dataset: Data = None,
    split: Split = "val",
    gate: Gate = None,
    force: Force = None,
    registry: Registry = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Register a bundle as a version of a name.

    The same content is one version, however often it is registered. With --alias champion the gate of promote decides.
    """
    with opened(as_json=as_json, plain=plain, goes_on=True) as output:
        from mezzetin import api

        found = api.register(
            bundle,
            name,
            alias=alias,
            tags=_tags(tag or []),
            dataset=dataset,
            split=split,
            gate=gate,
            force=force,
            registry=registry,
            report=output.report,
        )
        output.say(f"registered: {name}/{found.version.version} ({found.version.digest[:_DIGITS]})")
        _tell(output, found)
    if alias is not None and not found.promoted:
        raise typer.Exit(1)


def models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A model, or NAME/VERSION or NAME@ALIAS. Default: all.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Set a tag of that one version; repeatable.")
    ] = None,
    untag: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Remove a tag of it; repeatable.")] = None,
    registry: Registry = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """List the models of the registry, newest version first.

    Of a single version all tags are shown, among them what a gate found and why it was overruled.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        changes: dict[str, str | None] = {**_tags(tag or []), **dict.fromkeys(untag or [])}
        found = api.models(name, tags=changes, registry=registry)
        for version in found:
            output.record(version_to_json(version))
        single = len(found) == 1 and name is not None and ("/" in name or "@" in name)
        for line in _details(found[0]) if single else _table(found):
            output.say(line)


def promote(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME/VERSION or NAME@ALIAS.")],
    to: Annotated[str, typer.Option(metavar="ALIAS", help="The alias that shall point to it.")] = "champion",
    dataset: Data = None,
    split: Split = "val",
    gate: Gate = None,
    force: Force = None,
    registry: Registry = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Let an alias point to a version; the champion is the one that users get.

    Where there is a champion, both caption the pictures of --dataset, and a version that is worse is refused: the exit
    code is 1, and every rule that failed is a line.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        found = api.promote(
            model,
            to=to,
            dataset=dataset,
            split=split,
            gate=gate,
            force=force,
            registry=registry,
            report=output.report,
        )
        _tell(output, found)
    if not found.promoted:
        raise typer.Exit(1)


def pull(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME@ALIAS, NAME/VERSION, or the newest of NAME.")],
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A new or empty folder, here or in a store.")],
    registry: Registry = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Copy a version's bundle out of the registry, verified by its digest."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        version, _ = api.pull(model, folder, registry=registry)
        output.record({"folder": folder, **version_to_json(version)})
        output.say(f"pulled: {version.name}/{version.version} ({version.digest[:_DIGITS]}) to {folder}")


def unregister(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="NAME/VERSION removes the version, NAME@ALIAS the alias alone.")
    ],
    registry: Registry = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Remove a version or an alias from the registry; a version that an alias points to stays."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        removed = api.unregister(model, registry=registry)
        output.record({"removed": removed})
        output.say(f"removed: {removed}")


def version_to_json(version: ModelVersion) -> dict[str, Any]:
    """A version as every JSON object of these commands has it."""
    return {
        "name": version.name,
        "version": version.version,
        "digest": version.digest,
        "created": version.created,
        "aliases": list(version.aliases),
        "tags": dict(version.tags),
        "uri": version.uri,
    }


def _tell(output: Output, found: Promotion) -> None:
    from mezzetin.evaluation.gate import gate_to_json

    version, facts = found.version, {"alias": found.alias, "promoted": found.promoted}
    before = None if found.previous is None else found.previous.version
    gate = {"gate": gate_to_json(found.lines)} if found.lines else {}
    output.record({**version_to_json(version), **facts, "previous": before, "forced": found.reason, **gate})
    for line in gate_lines(found.lines):
        output.say(line)
    named = f"{version.name}/{version.version}"
    if found.alias is None:
        output.say(f"next: mezzetin promote {named}")
    elif not found.promoted:
        output.say(f"refused: {named} is not {found.alias}; {version.name}/{before} still is")
    else:
        was = f", which was version {before}" if before not in (None, version.version) else ""
        output.say(f"promoted: {version.name}@{found.alias} is version {version.version}{was}")
        output.say(f"next: mezzetin caption PICTURE --model {version.name}@{found.alias}")


def _tags(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise InputError(f"a tag is written as KEY=VALUE, not {key!r}")
    return {key: value for key, _, value in pairs}


def _table(found: Sequence[ModelVersion]) -> Iterator[str]:
    if not found:
        yield "no models yet: mezzetin register BUNDLE NAME"
        return
    rows = [("model", "aliases", "digest", "created")]
    rows += [(f"{v.name}/{v.version}", ", ".join(v.aliases), v.digest[:_DIGITS], v.created) for v in found]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _details(version: ModelVersion) -> Iterator[str]:
    yield f"{version.name}/{version.version}"
    yield f"aliases: {', '.join(version.aliases) or 'none'}"
    yield f"digest: {version.digest}"
    yield f"created: {version.created}"
    yield f"uri: {version.uri}"
    for key, value in sorted(version.tags.items()):
        yield f"tag {key}: {value}"
