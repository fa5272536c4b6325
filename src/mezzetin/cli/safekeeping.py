"""Commands that keep a collection safe: copies, putting one back, forgetting a picture, taking a change back."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from mezzetin.cli.output import AsJson, Output, Plain, opened
from mezzetin.errors import InputError

if TYPE_CHECKING:
    from mezzetin.collection.rows import Change
    from mezzetin.collection.safekeeping import Backup

InCollection = Annotated[str, typer.Argument(metavar="COLLECTION", help="The SQLite file that `collect` made.")]
Who = Annotated[
    str | None,
    typer.Option("--who", metavar="NAME", help="Whose name the history gets. Default: who is signed in here."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file that is there.")]


def backup(
    collection: InCollection,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where the copy goes.")],
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Copy a collection while others use it, and check the copy.

    Beside FILE lies FILE.sha256, which `restore` and sha256sum compare.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        made = api.backup(collection, file, overwrite=overwrite, report=output.report)
        _tell(output, made, "backed up to")


def restore(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    collection: InCollection,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the collection that is there; it is backed up beside.")
    ] = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Make a collection from a backup that is as it was written; what was forgotten since stays forgotten."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        made = api.restore(file, collection, overwrite=overwrite, report=output.report)
        _tell(output, made, "restored to")


def forget(
    collection: InCollection,
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="Its number, address, record number, sha256 or file name.")
    ],
    who: Who = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Erase a picture, its texts, history and embeddings from a collection, to the last byte.

    A salted digest stays, so that the next `collect` does not bring it back. Backups are not touched.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        gone = api.forget(collection, image, who=_who(who))
        backups = [str(path) for path in gone.backups]
        output.record({"pictures": gone.pictures, "backups": backups})
        output.say(f"{gone.pictures:,} pictures forgotten" if gone.pictures > 1 else "forgotten")
        for path in backups:
            output.say(f"note: {path} was made before and may still hold it: delete it too")


def history(
    collection: InCollection,
    image: Annotated[
        str | None, typer.Argument(metavar="[IMAGE]", help="One picture, as `forget` takes it. Default: all.")
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, help="How many of the latest changes.")] = 50,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Say who changed which text and when, newest first; `undo` takes the numbers."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        for change in api.history(collection, image, limit=limit):
            output.record({name: getattr(change, name) for name in change.__dataclass_fields__})
            output.say(_line(change))


def undo(
    collection: InCollection,
    change: Annotated[int | None, typer.Argument(metavar="[CHANGE]", help="A number that `history` shows.")] = None,
    run: Annotated[int | None, typer.Option("--run", metavar="RUN", help="Undo all that a run changed.")] = None,
    skip_changed: Annotated[
        bool, typer.Option("--skip-changed", help="With --run: leave texts alone that were changed since.")
    ] = False,
    who: Who = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Take back a change, or all of a run; that is a change of its own and can be undone."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        if (change is None) == (run is None):
            raise InputError("say what to undo: the number of a change, or --run and the number of a run")
        if run is not None:
            undone = api.undo_run(collection, run, who=_who(who), skip_changed=skip_changed)
            output.record({"run": undone.run, "changed": undone.changed, "skipped": undone.skipped})
            output.say(f"{undone.changed:,} texts are as before, {undone.skipped:,} were left alone (run {undone.run})")
        elif change is not None:
            text = api.undo(collection, change, who=_who(who))
            output.record({"text": text.id, "picture": text.picture_id, "status": text.status, "now": text.text})
            output.say(f"text {text.id} is {text.status} again: {text.text or '(no text)'}")


def _tell(output: Output, made: Backup, verb: str) -> None:
    output.record({"path": str(made.path), "size": made.size, "sha256": made.sha256, "pictures": made.pictures})
    output.say(f"{made.pictures:,} pictures {verb} {made.path} ({made.size:,} bytes, checked)")


def _line(change: Change) -> str:
    by = change.who if change.by_person else f"{change.who} (machine)"
    run = f", run {change.run_id}" if change.run_id else ""
    old, new = change.old_text or "(nothing)", change.new_text or "(nothing)"
    words = new if old == new else f"{old} -> {new}"
    status = f"{change.old_status or 'new'} -> {change.new_status}"
    return f"{change.id}  {change.at}  picture {change.picture_id}  {by}: {change.verb}{run}  [{status}] {words}"


def _who(name: str | None) -> str:
    try:
        return name or getpass.getuser()
    except (OSError, KeyError) as error:
        raise InputError("nobody is signed in here: name yourself with --who") from error
