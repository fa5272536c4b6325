"""Contestants: whatever can be compared becomes a caption for each picture of a split.

Enters: a bundle, a file of captions, or any `Captioner`. Leaves: a `Contestant`. What a bundle said is kept in a file
named after all that it depends on, so that the next comparison in the same folder reads it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import mezzetin
from mezzetin.bundle import BUNDLED, MANIFEST
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.data.dataset import Dataset
from mezzetin.errors import BundleError, DatasetError, InputError
from mezzetin.evaluation.captionfiles import captions_lines, read_captions
from mezzetin.evaluation.fitness import check_captioner, check_split
from mezzetin.evaluation.paid import paid_captions
from mezzetin.external import External
from mezzetin.records import Caption, Captioner, ModelInfo, Progress
from mezzetin.registry.reference import find_model, registered
from mezzetin.storage.paths import Place, writing
from mezzetin.worker import BATCH, caption_pictures

Report = Callable[[Progress], None]
Source = str | Path | Place | Captioner
CAPTIONS = "captions.jsonl"


@dataclass(frozen=True, slots=True)
class Task:
    """The split that all contestants caption: names of pictures and their references, in the dataset's order."""

    dataset: Dataset
    split: str
    names: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One set of captions in a task's order, "" where there is none, and who wrote them.

    `source` is a place or "a captioner"; `model` and `decoding` are None where a file does not tell; `file` is the
    name under which its captions are kept.
    """

    name: str
    source: str
    model: ModelInfo | None
    decoding: str | None
    captions: tuple[str, ...]
    file: str


def task_of(dataset: Dataset, split: str) -> Task:
    """The pictures of a split that have captions.

    Raises:
        DatasetError: there are none, two have one name, or their language can't be scored.

    """
    check_split(dataset, split)
    rows = [row for row in dataset.rows({split}, images=False) if row.captions]
    double = next((name for name, count in Counter(row.image_id for row in rows).items() if count > 1), None)
    if double is not None:
        raise DatasetError(f"{dataset.folder} has two pictures {double} in split {split!r}: ingest it again")
    return Task(dataset, split, tuple(row.image_id for row in rows), tuple(row.captions for row in rows))


def name_of(source: Source) -> str:
    """A short name for what a person named: a bundle's own name, or that of the file.

    Raises:
        InputError: there is no such bundle or file.

    """
    if not isinstance(source, str | Path | Place):
        return source.info.name
    place = None if _is_named(source) else _captions_file(Place.of(source))
    return find_model(source).info.name if place is None else _file_name(place)


def contestant(source: Source, task: Task, *, kept: Place | None = None, report: Report) -> Contestant:
    """Have `source` caption the task: a bundle as `--model` takes it, a file of captions, or a captioner.

    A folder that `evaluate` wrote stands for its captions. `kept` is where an earlier comparison may have kept what a
    bundle or an external captioner said, and where what the latter says is kept at once.

    Raises:
        DatasetError: a file does not fit the split, or a captioner was trained on it or writes another language.
        InputError: there is no such bundle or file, or a budget ended.
        EnvironmentProblem: an external captioner did not answer for some pictures.

    """
    if isinstance(source, BundleCaptioner):
        return _of_bundle(source, task, kept, report)
    if isinstance(source, External):
        return _of_external(source, task, kept, report)
    if not isinstance(source, str | Path | Place):
        return _of_captioner(source, task, report)
    if _is_named(source):
        return _of_bundle(load_captioner(str(source)), task, kept, report)
    place = _captions_file(Place.of(source))
    if place is None:
        return _of_bundle(load_captioner(str(source)), task, kept, report)
    captions, name = read_captions(place, task.names, task.split), _file_name(place)
    return Contestant(name, str(place), None, None, captions, _file(name, ""))


def _is_named(source: str | Path | Place) -> bool:
    """Whether it is the bundled captioner or a model of the registry, and no place."""
    return source == BUNDLED or registered(source) is not None


def _captions_file(place: Place) -> Place | None:
    """The file of captions that a place is or holds; None for a bundle."""
    if place.is_file():
        return place
    if not place.is_folder():
        raise BundleError(f"there is no bundle and no file of captions {place}: check the path")
    holds = not (place / MANIFEST).exists() and (place / CAPTIONS).is_file()
    return place / CAPTIONS if holds else None


def _file_name(place: Place) -> str:
    """A file's name; its folder's where all are called alike."""
    return (place.parent.name if place.name == CAPTIONS else "") or place.name


def contestants_of(
    sources: Sequence[Source], task: Task, *, kept: Place | None = None, report: Report
) -> tuple[Contestant, ...]:
    """`contestant` for each of several, under different names.

    Raises:
        InputError: there are fewer than two.

    """
    if len(sources) < 2:
        raise InputError(
            "one alone can't be compared: name at least two bundles or files of captions, then the dataset"
        )
    return named_apart([contestant(source, task, kept=kept, report=report) for source in sources])


def named_apart(contestants: Sequence[Contestant]) -> tuple[Contestant, ...]:
    """The same contestants under names, and files, of which no two are the same."""
    counts = Counter(one.name for one in contestants)
    wanted = [
        one.name if counts[one.name] == 1 else f"{one.name} ({one.model.signature if one.model else one.source})"
        for one in contestants
    ]
    found: list[Contestant] = []
    for one, name in zip(contestants, wanted, strict=True):
        turn = wanted[: len(found)].count(name)
        taken = {other.file for other in found}
        file = one.file if one.file not in taken else f"{len(found) + 1}-{one.file}"
        found.append(replace(one, name=f"{name} ({turn + 1})" if turn else name, file=file))
    return tuple(found)


def _of_bundle(captioner: BundleCaptioner, task: Task, kept: Place | None, report: Report) -> Contestant:
    check_captioner(captioner, task.dataset, task.split)
    info, decoding = captioner.info, captioner.options.describe()
    file = _file(info.name, _key(task, captioner.bundle.digest, decoding))
    made = Contestant(info.name, str(captioner.bundle.folder), info, decoding, (), file)
    if kept is not None and (kept / made.file).is_file():
        return replace(made, captions=read_captions(kept / made.file, task.names, task.split))
    said = (caption for _, caption in caption_pictures(captioner, _pictures(task)))
    made = replace(made, captions=_told(said, info.name, task, report))
    if kept is not None:
        # What comes after it may fail.
        with writing(kept):
            (kept / made.file).write(captions_lines(task.names, made.captions, task.references))
    return made


def _of_external(captioner: External, task: Task, kept: Place | None, report: Report) -> Contestant:
    info = captioner.info
    _check_language(captioner.language, info.name, task)
    file = _file(info.name, _key(task, *captioner.described))

    def told(done: int) -> None:
        report(_progress(info.name, done, task))

    kept_file = None if kept is None else kept / file
    captions = paid_captions(captioner, _pictures(task), task.names, kept=kept_file, told=told)
    return Contestant(info.name, "an external captioner", info, None, captions, file)


def _key(task: Task, *of_captioner: str) -> str:
    """Short for all that captions depend on."""
    everything = (*of_captioner, task.dataset.digest, task.split, mezzetin.__version__)
    return hashlib.sha256("\n".join(everything).encode()).hexdigest()[:12]


def _of_captioner(captioner: Captioner, task: Task, report: Report) -> Contestant:
    info = captioner.info

    def said() -> Iterator[Caption]:
        pictures = _pictures(task)
        while batch := [image for _, image in islice(pictures, BATCH)]:
            answers = captioner.caption(batch)
            if len(answers) != len(batch):
                raise InputError(f"{info.name} gave {len(answers)} captions for {len(batch)} pictures: one each")
            yield from answers

    captions = _told(said(), info.name, task, report)
    return Contestant(info.name, "a captioner", info, None, captions, _file(info.name, info.signature[:12]))


def _pictures(task: Task) -> Iterator[tuple[str, bytes]]:
    for row in task.dataset.rows({task.split}):
        if row.captions and row.image is not None:
            yield row.image_id, row.image


def _told(said: Iterator[Caption], name: str, task: Task, report: Report) -> tuple[str, ...]:
    captions: list[str] = []
    for caption in said:
        _check_language(caption.language, name, task)
        captions.append(caption.text or "")
        report(_progress(name, len(captions), task))
    return tuple(captions)


def _progress(name: str, done: int, task: Task) -> Progress:
    return Progress(f"caption {task.split} with {name}", done, len(task.names))


def _check_language(language: str, name: str, task: Task) -> None:
    if _language(language) != _language(task.dataset.manifest.language):
        raise DatasetError(
            f"{name} writes {language!r} and the captions of {task.dataset.folder} are in "
            f"{task.dataset.manifest.language!r}: their scores would mean nothing"
        )


def _language(tag: str) -> str:
    return tag.lower().split("-")[0]


def _file(name: str, key: str) -> str:
    plain = re.sub(r"[^\w.-]+", "-", name.removesuffix(".jsonl")).strip("-.") or "captions"
    return f"{plain}-{key}.{CAPTIONS}" if key else f"{plain}.{CAPTIONS}"


def keep_captions(one: Contestant, task: Task, folder: Path) -> Path:
    """Write a contestant's captions to `folder` as `evaluate` writes them; OSError where that fails."""
    path = folder / one.file
    path.write_bytes(captions_lines(task.names, one.captions, task.references))
    return path
