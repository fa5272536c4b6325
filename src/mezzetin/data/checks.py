"""Checks before an ingest begins: is there something to read, and may the target be written?

Enters: source and target, and what is to be made. Leaves: nothing, a report of what is there already, or one line that
says what to do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mezzetin.data.dataset import Dataset
from mezzetin.data.gather import Gathering
from mezzetin.data.journal import JOURNAL, read_journal, remove_journal
from mezzetin.data.readers import READERS
from mezzetin.data.report import IngestReport
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place


def already_there(place: Place, made_from: dict[str, Any]) -> IngestReport:
    """Return the report of the dataset that lies at `place`.

    Raises:
        DatasetError: it was made from something else.

    """
    there = Dataset.open(place)
    if there.manifest.provenance.get("made_from") != made_from:
        raise DatasetError(
            f"{place} holds another dataset, or one made with other options: choose another folder, or delete that one"
        )
    remove_journal(place)
    return replace(there.report(), state="found")


def check_target(place: Place, made_from: dict[str, Any]) -> None:
    """Refuse a target that holds anything but nothing or the beginning of the same dataset.

    Raises:
        DatasetError: it does.
        EnvironmentProblem: its store refuses or does not answer.

    """
    found = place.entry()
    if found is not None and not found.is_folder:
        raise DatasetError(f"{place} is a file: name a folder for the dataset")
    told = read_journal(place)
    if told is not None and told[0] != made_from:
        raise DatasetError(
            f"{place} holds the unfinished ingest of another source, or of this one with other captions or "
            "options: choose another folder, or delete that one"
        )
    # A run that was killed while it wrote the journal's first line leaves that line's half.
    ours = (JOURNAL, f".{JOURNAL}.part")
    if told is None and found is not None and any(child.name not in ours for child in place.children()):
        raise DatasetError(f"{place} is not empty and holds no dataset: choose a new or empty folder")


def check_source(source: Place, layout: str, gathering: Gathering) -> None:
    """Refuse a source without captions, or without any of its pictures on this disk.

    Pictures elsewhere are asked for once, when they are read.

    Raises:
        DatasetError: it is one.

    """
    if not gathering.captioned():
        trouble = next((f"; first trouble: {d.name}, {d.detail}" for d in gathering.defects()), "")
        raise DatasetError(
            f"{source} holds no caption that can be used (looked for {READERS[layout].LOOKS_FOR})"
            f"{trouble}: check the captions"
        )
    captioned = (entry.image for entry in gathering if entry.captions)
    if not any(_may_be_there(image) for image in captioned):
        raise none_there(source, gathering)


def none_there(source: Place, gathering: Gathering) -> DatasetError:
    """The error of a source of which no picture is where it should be."""
    first = next((entry.image for entry in gathering if entry.captions), None)
    return DatasetError(
        f"none of the {gathering.captioned():,} captioned pictures of {source} is there "
        f"(looked for {first}): put the pictures in place"
    )


def _may_be_there(image: object) -> bool:
    if isinstance(image, Place) and image.is_local:
        return image.exists()
    return image is not None
