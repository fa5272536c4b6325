"""Gender: how often a caption calls people women or men where those who described the picture say otherwise.

Enters: tokens. Leaves: genders stated, and verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence

from mezzetin.evaluation.lexicon import FEMALE, MALE
from mezzetin.evaluation.rates import Question, Verdict

_AGREE = "at least two references (or the only one) state it and none states the other"
QUESTIONS = (
    Question(
        "gender_wrong",
        "Wrong gender",
        f"Of the captions that state a gender of pictures whose references agree on one ({_AGREE}), those that state "
        "the other, alone or beside the right one.",
    ),
    Question(
        "gender_wrong_female",
        "Women and girls called men or boys",
        "The same, of pictures whose references agree on women or girls.",
    ),
    Question(
        "gender_wrong_male",
        "Men and boys called women or girls",
        "The same, of pictures whose references agree on men or boys.",
    ),
    Question(
        "gender_unfounded",
        "Gender that no reference states",
        "Of the captions that state a gender, those of pictures of which no reference states any.",
    ),
)


def agreed_gender(theirs: Sequence[int]) -> int:
    """Return `FEMALE` or `MALE` where references agree on it; 0 where they don't."""
    for gender in (FEMALE, MALE):
        stating = sum(bool(stated & gender) for stated in theirs)
        others = sum(bool(stated & ~gender) for stated in theirs)
        if stating >= min(2, len(theirs)) and not others:
            return gender
    return 0


def judge_gender(said: int, theirs: Sequence[int]) -> tuple[Verdict, ...]:
    """Hold one caption against its references; verdicts in the order of `QUESTIONS`."""
    agreed = agreed_gender(theirs)
    stating = sum(bool(stated) for stated in theirs)
    wrong = bool(agreed and said & ~agreed)
    total, of_female, of_male = (
        Verdict(wrong and kind, bool(said and agreed) and kind, stating)
        for kind in (True, agreed == FEMALE, agreed == MALE)
    )
    return total, of_female, of_male, Verdict(bool(said) and not stating, bool(said), len(theirs))
