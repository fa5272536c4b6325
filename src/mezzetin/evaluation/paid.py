"""Paid captions: what an external captioner says of a split, asked for once and kept as it comes.

Enters: an external captioner and pictures. Leaves: a caption for each name, "" where the captioner has none to give.
The file is written after every few pictures, so that a budget that ends, a service that breaks down or a Ctrl-C costs
nothing that was paid for: the same call goes on behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from mezzetin.errors import EnvironmentProblem, InputError, MezzetinError
from mezzetin.evaluation.captionfiles import captions_lines, read_some
from mezzetin.external import External
from mezzetin.records import Caption
from mezzetin.storage.paths import Place, writing

_AT_ONCE = 8
_MONEY = "budget_spent"
#: Another try may fare better: no caption yet is not the same as no caption.
_LATER = ("rate_limited", "unavailable", "timeout")
_REFUSED = "refused"


def paid_captions(
    captioner: External,
    pictures: Iterator[tuple[str, bytes]],
    names: Sequence[str],
    *,
    kept: Place | None,
    told: Callable[[int], None],
) -> tuple[str, ...]:
    """Caption `pictures` of the task's `names`, but for those whose caption the file `kept` has.

    `told` hears how many are done. A picture that the service holds back or that can't be read has the caption "".

    Raises:
        InputError: the budget ended first, or the service takes no picture at all.
        EnvironmentProblem: the service did not answer for some of them.

    """
    said = read_some(kept) if kept is not None and kept.is_file() else {}
    waiting = (pair for pair in pictures if pair[0] not in said)
    missed: dict[str, Caption] = {}
    while batch := list(islice(waiting, _AT_ONCE)):
        answers = dict(zip((name for name, _ in batch), captioner.caption([image for _, image in batch]), strict=True))
        codes = {name: answer.error.code if answer.error else "" for name, answer in answers.items()}
        hopeless = set(codes.values()) == {_REFUSED} and (len(batch) == _AT_ONCE or not said)
        late = {name for name, code in codes.items() if hopeless or code == _MONEY or code in _LATER}
        missed |= {name: answers[name] for name in late}
        said |= {name: answer.text or "" for name, answer in answers.items() if name not in late}
        told(len(said))
        if kept is not None and len(late) < len(batch):
            with writing(kept):
                kept.write(captions_lines(list(said), list(said.values()), [()] * len(said)))
        if hopeless or _MONEY in codes.values():
            break
    if missed:
        raise _unfinished(captioner, list(missed.values()), len(said), len(names), kept)
    return tuple(said.get(name, "") for name in names)


def _unfinished(
    captioner: External, missed: Sequence[Caption], done: int, total: int, kept: Place | None
) -> MezzetinError:
    why = next((one.error for one in missed if one.error is not None and one.error.code == _MONEY), missed[0].error)
    again = "" if kept is None else ", what it said is kept"
    who = f"{captioner.info.name} has captioned {done:,} of {total:,} pictures"
    if why is not None and why.code == _MONEY:
        return InputError(f"{who} and the next one might pass the budget: run the same command with more{again}")
    if why is not None and why.code == _REFUSED:
        return InputError(f"{who}: {why.message}")
    message = "it did not answer" if why is None else why.message
    return EnvironmentProblem(f"{who}: {message}; run the same command again{again}")
