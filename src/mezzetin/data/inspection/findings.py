"""What an inspection means: the sentences that a person should read before training.

Enters: an `Inspection`. Leaves: warnings (something is wrong or will mislead) and remarks (what the pictures are
of). Both are plain sentences, the same on a terminal, in JSON and on the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mezzetin.data.inspection.captions import OVERLONG
from mezzetin.data.inspection.lexicon import LANGUAGES
from mezzetin.data.inspection.pictures import SMALL, TINY
from mezzetin.data.inspection.themes import ThemeFacts

if TYPE_CHECKING:
    from mezzetin.data.inspection.run import Inspection

#: Below this share of pictures a kind of place or season is called rare.
RARE = 0.15
_SMALL_SPLIT = 100
_MANY_COPIES = 0.05


def percent(share: float) -> str:
    """Return a share (0..1) for people: whole percents, tenths below 10 %, never 0 or 100 for what is neither."""
    if share <= 0 or share >= 1:
        return "0 %" if share <= 0 else "100 %"
    if share < 0.001:
        return "< 0.1 %"
    text = f"{100 * share:.1f}" if share < 0.0995 or share > 0.995 else f"{100 * share:.0f}"
    return f"{text} %" if text != "100.0" else "> 99.9 %"


def number(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural where it takes one."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def warnings(found: Inspection) -> list[str]:
    """What is wrong with the dataset or will mislead who trains on it; what ingest warned of is in its own report."""
    return [*_of_splits(found), *_of_pictures(found), *_of_captions(found)]


def remarks(found: Inspection) -> list[str]:
    """What the pictures are of, in sentences; for languages without a lexicon, that there is none."""
    people = [_people_and_animals(found.themes)] if found.themes.pictures else []
    return [*people, *leanings(found)]


def leanings(found: Inspection) -> list[str]:
    """Of the remarks those that a table of themes does not say as well: what the pictures lack."""
    themes = found.themes
    lines = [_places(themes), _seasons(themes)] if themes.pictures else []
    if themes.without:
        languages = ", ".join(sorted(themes.without))
        known = ", ".join(sorted(LANGUAGES))
        lines.append(
            f"{number(sum(themes.without.values()), 'picture')} with captions in {languages}: not counted by theme, "
            f"there is a lexicon for {known} only."
        )
    return lines


def _of_splits(found: Inspection) -> Iterator[str]:
    shared = found.shared
    if shared.same:
        yield f"The same file stands in several splits: {_by_split(shared.same)}. Scores on such pictures say nothing."
    if shared.alike:
        yield (
            f"Pictures that look the same stand in several splits: {_by_split(shared.alike)}. "
            "Look at the pairs before you believe a score."
        )
    for split, by_status in found.ingest.rows.items():
        usable = by_status.get("ok", 0)
        if split in ("val", "test") and 0 < usable < _SMALL_SPLIT and found.split in (None, split):
            yield f"Split {split} has only {number(usable, 'picture')}: scores on it will be uncertain."


def _of_pictures(found: Inspection) -> Iterator[str]:
    pictures = found.pictures
    lost = [
        f"{status.replace('_', ' ')} {sum(by.get(status, 0) for by in _rows(found).values()):,}"
        for status in dict.fromkeys(status for by in _rows(found).values() for status in by if status != "ok")
    ]
    if lost:
        yield f"Pictures that can't be used: {', '.join(lost)}."
    if pictures.damaged:
        yield f"{number(pictures.damaged, 'picture')} can't be decoded any more: {_first(pictures.damaged_names)}."
    if pictures.small:
        tiny = f" ({pictures.tiny:,} of them under {TINY})" if pictures.tiny else ""
        yield f"{number(pictures.small, 'picture')} with a side under {SMALL} pixels{tiny}: little can be seen there."
    if pictures.flat:
        yield f"{number(pictures.flat, 'picture')} without structure (blank?): {_first(pictures.flat_names)}."


def _of_captions(found: Inspection) -> Iterator[str]:
    captions = found.captions
    if captions.wordless:
        yield f"{number(captions.wordless, 'caption')} without a word."
    if captions.overlong:
        yield f"{number(captions.overlong, 'caption')} of more than {OVERLONG} words: are they captions?"
    if captions.repeated_captions > _MANY_COPIES * captions.count:
        yield (
            f"{percent(captions.repeated_captions / captions.count)} of the captions stand at several pictures: "
            "a captioner will learn to say those."
        )
    if len(captions.languages) > 1:
        shares = ", ".join(f"{tag} {count:,}" for tag, count in captions.languages.items())
        yield f"Captions in several languages: {shares}."
    scripts = {script: count for script, count in captions.scripts.items() if script != "none"}
    if len(scripts) > 1:
        yield f"Captions in several scripts: {', '.join(f'{name} {count:,}' for name, count in scripts.items())}."


def _people_and_animals(themes: ThemeFacts) -> str:
    people = ", ".join(f"{name} {percent(themes.share(name))}" for name in ("man", "woman", "child", "crowd"))
    return (
        f"People in {percent(themes.share('people'))} of the pictures ({people}), animals in "
        f"{percent(themes.share('animals'))} (dog {percent(themes.share('dog'))}, cat {percent(themes.share('cat'))})."
    )


def _places(themes: ThemeFacts) -> str:
    outdoors, indoors = themes.share("outdoors"), themes.share("indoors")
    end = ""
    if indoors < RARE <= outdoors:
        end = ": a captioner trained on them will know little of rooms"
    elif outdoors < RARE <= indoors:
        end = ": a captioner trained on them will know little of the open air"
    return f"Outdoor words in {percent(outdoors)} of the pictures, indoor words in {percent(indoors)}{end}."


def _seasons(themes: ThemeFacts) -> str:
    winter, summer = themes.share("snow and winter"), themes.share("summer")
    rare = [name for name, share in (("winter", winter), ("summer", summer)) if share < RARE]
    end = f": {' and '.join(rare)} {'is' if len(rare) == 1 else 'are'} rare here" if rare else ""
    return f"Snow and winter words in {percent(winter)}, summer words in {percent(summer)}{end}."


def _rows(found: Inspection) -> Mapping[str, Mapping[str, int]]:
    return {split: by for split, by in found.ingest.rows.items() if found.split in (None, split)}


def _by_split(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} of {split}" for split, count in counts.items())


def _first(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
