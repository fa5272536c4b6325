"""Truth and bias: how often captions state a gender, a colour, a number or an object that no reference bears out.

Enters: `Material` in English. Leaves: `Rate`s, of the captions and, for scale, of people: each reference of a picture
against its other references (names end in ".people").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mezzetin.evaluation import colours, counting, gender, objects
from mezzetin.evaluation.findings import Rate
from mezzetin.evaluation.judged import Material
from mezzetin.evaluation.lexicon import stated_gender
from mezzetin.evaluation.rates import RESAMPLES, SEED, Question, Tally, Verdict, in_order, rates_of


@dataclass(frozen=True, slots=True)
class Check:
    """How one matter is judged: `facts` of tokens; `judge` holds a caption's facts against the references'."""

    questions: tuple[Question, ...]
    facts: Callable[[Sequence[str]], Any]
    judge: Callable[[Any, Sequence[Any]], tuple[Verdict, ...]]


CHECKS = (
    Check(gender.QUESTIONS, stated_gender, gender.judge_gender),
    Check(colours.QUESTIONS, colours.colours_in, colours.judge_colours),
    Check(counting.QUESTIONS, counting.counts_in, counting.judge_counts),
    Check(objects.QUESTIONS, objects.objects_in, objects.judge_objects),
)


def truth(
    material: Material, *, english: bool = True, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[Rate, ...]:
    """Hold every caption against its references; no rates where the captions are not `english`.

    People are measured against one reference fewer than captions are, which makes their task a little harder.
    """
    if not english:
        return ()
    material = in_order(material)
    tallies: list[Tally] = []
    for check in CHECKS:
        theirs = [[check.facts(tokens) for tokens in references] for references in material.references]
        said = [check.facts(tokens) for tokens in material.hypotheses]
        machine = [check.judge(*pair) for pair in zip(said, theirs, strict=True)]
        people = [_people(check, references) for references in theirs]
        for column, question in enumerate(check.questions):
            tallies.append(Tally(question, [row[column] for row in machine]))
            tallies.append(Tally(_of_people(question), [row[column] for row in people]))
    return rates_of(tallies, [picture.image_id for picture in material.pictures], resamples=resamples, seed=seed)


def _people(check: Check, references: Sequence[Any]) -> tuple[Verdict, ...]:
    """The verdicts of each reference against the others, added up."""
    rows = list(_each_against_others(check, references))
    return tuple(
        Verdict(
            sum(row[column].count for row in rows),
            sum(row[column].of for row in rows),
            max((row[column].clearness for row in rows if row[column].count), default=0),
        )
        for column in range(len(check.questions))
    )


def _each_against_others(check: Check, references: Sequence[Any]) -> Iterator[tuple[Verdict, ...]]:
    if len(references) > 1:
        for place, one in enumerate(references):
            yield check.judge(one, [*references[:place], *references[place + 1 :]])


def _of_people(question: Question) -> Question:
    how = f"{question.how} Here: people, each reference held against the others of its picture."
    return replace(question, name=f"{question.name}.people", title=f"{question.title}: people", how=how)
