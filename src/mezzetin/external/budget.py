"""Money: what captions of other people's services may cost, and what they did.

Enters: prices and a limit, in one currency. Leaves: leave to ask once more, or not. An amount is held before a service
is asked and becomes what it cost when it has answered, so that threads and services that share a budget can't pass it
together.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from mezzetin.errors import InputError
from mezzetin.external.answers import Tokens

_NOTHING = Decimal(0)
_THOUSAND = 1000
NO_TOKENS = Tokens(0, 0)


@dataclass(frozen=True, slots=True)
class Price:
    """What a call costs, and what 1,000 tokens do; `guess` is what a call is taken to need before any was made."""

    per_call: Decimal | None = None
    per_1000_read: Decimal | None = None
    per_1000_written: Decimal | None = None
    guess: Tokens = NO_TOKENS

    @property
    def is_known(self) -> bool:
        """Whether anybody said what it costs."""
        return any(part is not None for part in (self.per_call, self.per_1000_read, self.per_1000_written))

    @property
    def is_by_token(self) -> bool:
        """Whether a call's cost is known only afterwards."""
        return bool(self.per_1000_read or self.per_1000_written)

    def of(self, tokens: Tokens) -> Decimal:
        """What a call of so many tokens costs."""
        by_token = tokens.read * (self.per_1000_read or _NOTHING) + tokens.written * (self.per_1000_written or _NOTHING)
        return (self.per_call or _NOTHING) + by_token / _THOUSAND


FREE = Price(per_call=_NOTHING)


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked and what it cost: `calls` counts every request that was sent, repeated ones included.

    `cost` is None where no price is known; amounts for calls whose outcome nobody knows are in it.
    """

    calls: int
    captions: int
    tokens: Tokens
    cost: Decimal | None


class Budget:
    """An amount that several captioners may spend together; without a limit it only counts.

    Raises:
        InputError: the limit is no amount of money.

    """

    def __init__(self, limit: Decimal | float | str | None = None) -> None:
        self.limit = None if limit is None else _amount(limit)
        self.changed = threading.Condition()
        self.spent = _NOTHING
        self._held = _NOTHING

    def fits(self, amount: Decimal) -> bool:
        """Whether so much more can be spent; called with `changed` held."""
        return self.limit is None or self.spent + self._held + amount <= self.limit

    def may_fit(self, amount: Decimal) -> bool:
        """Whether it will fit if all that is held comes free; called with `changed` held."""
        return self.limit is None or self.spent + amount <= self.limit

    def hold(self, amount: Decimal) -> None:
        """Put an amount aside; called with `changed` held."""
        self._held += amount

    def settle(self, held: Decimal, cost: Decimal) -> None:
        """Turn what was put aside into what it cost; called with `changed` held."""
        self._held -= held
        self.spent += cost
        self.changed.notify_all()


class Meter:
    """Counts the calls of one captioner and asks a budget before each; safe to use from several threads."""

    def __init__(self, price: Price, budget: Budget) -> None:
        self._price = price
        self._budget = budget
        self._expected = price.of(price.guess)
        # Until the first call by tokens has been counted its cost is a guess, which may be risked once only.
        self._is_guess = price.is_by_token and budget.limit is not None
        self._under_way = self._calls = self._captions = self._read = self._written = 0
        self._cost = _NOTHING

    @property
    def usage(self) -> Usage:
        """What has been counted so far."""
        with self._budget.changed:
            cost = self._cost if self._price.is_known else None
            return Usage(self._calls, self._captions, Tokens(self._read, self._written), cost)

    def begin(self) -> Decimal | None:
        """Hold what the next call is taken to cost; None when the budget would be passed.

        Waits while calls are under way that may turn out cheaper.
        """
        with self._budget.changed:
            self._budget.changed.wait_for(self._is_decided)
            if not self._budget.fits(self._expected):
                return None
            self._budget.hold(self._expected)
            self._under_way += 1
            return self._expected

    def end(self, held: Decimal, *, charged: bool, captioned: bool, tokens: Tokens | None) -> None:
        """Count a call that was begun; where it is `charged` without a number of tokens it cost what was held."""
        cost = _NOTHING
        if charged:
            cost = held if tokens is None else self._price.of(tokens)
        with self._budget.changed:
            self._under_way -= 1
            self._calls += 1
            self._captions += captioned
            self._cost += cost
            if tokens is not None:
                self._read += tokens.read
                self._written += tokens.written
                self._is_guess = False
                self._expected = max(self._expected, cost)
            self._budget.settle(held, cost)

    def _is_decided(self) -> bool:
        if self._is_guess and self._under_way:
            return False
        # A call that is free and hangs is waited for by nobody.
        return self._budget.fits(self._expected) or not self._budget.may_fit(self._expected)


def _amount(limit: Decimal | float | str) -> Decimal:
    try:
        # By way of the text: 0.1 is a tenth, not its nearest binary fraction.
        amount = Decimal(str(limit))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise InputError(f"the budget {limit} is no amount: write one such as 2.50, in the currency of the prices")
    return amount
