"""The options that say how captions are searched for; `docs/decoding.md` explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from mezzetin.decoding.options import DecodingChanges

MinWords = Annotated[int | None, typer.Option("--min-words", min=1, max=60, help="No shorter captions.")]
MaxWords = Annotated[int | None, typer.Option("--max-words", min=1, max=60, help="No longer captions.")]
LengthPenalty = Annotated[
    float | None, typer.Option("--length-penalty", min=0, max=5, help="Higher prefers longer captions.")
]
Diverse = Annotated[
    int | None,
    typer.Option("--diverse", metavar="GROUPS", min=1, max=50, help="Search in groups that avoid each other's words."),
]
Diversity = Annotated[
    float | None, typer.Option("--diversity", min=0, max=100, help="How much the groups avoid them. Usually 0.5.")
]
Sample = Annotated[
    int | None, typer.Option("--sample", min=1, max=100, help="Draw N captions at random; the likeliest is first.")
]
TopP = Annotated[
    float | None,
    typer.Option("--top-p", min=0, max=1, help="Draw from the likeliest words of this share. Usually 0.9."),
]
Temperature = Annotated[
    float | None, typer.Option("--temperature", min=0, max=100, help="Lower draws likelier words. Usually 1.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Draw others; the same seed draws the same.")]
NoRepeat = Annotated[
    int | None, typer.Option("--no-repeat", min=0, max=60, help="Say no N words in a row twice. 0: say them.")
]
GoodEndings = Annotated[
    bool | None, typer.Option("--good-endings/--any-endings", help='End in no word like "with" or "the".')
]
Avoid = Annotated[
    list[str] | None, typer.Option("--avoid", metavar="WORD", help="Never say it, nor its plural. Repeatable.")
]
GenderNeutral = Annotated[
    bool | None, typer.Option("--gender-neutral/--gendered", help="Say person and child for man, woman, boy, girl.")
]
Match = Annotated[
    float | None, typer.Option("--match", min=0, max=100, help="How much fitting the picture counts when ranking.")
]


def chosen(**options: Any) -> DecodingChanges:
    """Those of the options that were given, as `load_captioner` takes them."""
    return cast("DecodingChanges", {name: value for name, value in options.items() if value not in (None, [])})
