"""Money is never passed, whoever asks at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import InputError
from mezzetin.external.answers import Tokens
from mezzetin.external.budget import Budget, Meter, Price

CENTS = st.decimals(0, 5, places=2)


def call(meter: Meter, tokens: Tokens | None = None, *, charged: bool = True) -> bool:
    held = meter.begin()
    if held is None:
        return False
    meter.end(held, charged=charged, captioned=charged, tokens=tokens)
    return True


@given(limit=CENTS, price=st.decimals("0.01", 1, places=2))
def test_as_many_calls_as_the_budget_pays_for(limit: Decimal, price: Decimal) -> None:
    budget = Budget(limit)
    meter = Meter(Price(price), budget)
    made = sum(call(meter) for _ in range(510))
    assert made == min(510, limit // price)
    assert budget.spent == meter.usage.cost == made * price <= limit


def test_binary_fractions_are_no_money() -> None:
    meter = Meter(Price(Decimal("0.1")), Budget(0.3))
    assert [call(meter) for _ in range(4)] == [True, True, True, False]


@given(limit=CENTS, costs=st.lists(st.integers(1, 3000), min_size=1, max_size=40))
def test_tokens_within_their_guess_never_pass_the_budget(limit: Decimal, costs: list[int]) -> None:
    budget = Budget(limit)
    meter = Meter(Price(per_1000_read=Decimal("0.1"), guess=Tokens(3000, 0)), budget)
    for read in costs:
        call(meter, Tokens(read, 0))
    assert budget.spent <= limit


def test_a_guess_that_was_too_low_is_risked_once() -> None:
    budget = Budget(2)
    meter = Meter(Price(per_1000_read=Decimal(1), guess=Tokens(100, 0)), budget)
    held = meter.begin()
    assert held is not None
    second: list[bool] = []
    thread = threading.Thread(target=lambda: second.append(call(meter, Tokens(1500, 0))))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive(), "while the first call is a guess nobody else may make one"
    meter.end(held, charged=True, captioned=True, tokens=Tokens(1500, 0))
    thread.join()
    assert second == [False]
    assert budget.spent == Decimal("1.5")


def test_threads_and_captioners_share_one_budget() -> None:
    budget = Budget("1.00")
    meters = [Meter(Price(Decimal("0.03")), budget), Meter(Price(Decimal("0.05")), budget)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: call(meters[number % 2]), range(200)))
    assert budget.spent <= 1
    assert budget.spent > Decimal("0.95"), "what is left is too little for the cheaper call or nearly so"
    assert sum(made) == sum(meter.usage.calls for meter in meters)


def test_what_is_not_charged_is_free_again() -> None:
    budget = Budget("0.10")
    meter = Meter(Price(Decimal("0.10")), budget)
    assert call(meter, charged=False) and call(meter) and not call(meter)
    assert meter.usage.calls == 2 and meter.usage.captions == 1 and budget.spent == Decimal("0.10")


def test_without_a_price_the_cost_is_unknown() -> None:
    meter = Meter(Price(), Budget())
    assert call(meter) and meter.usage.cost is None


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf"), "much"])
def test_no_amount(limit: float | str) -> None:
    with pytest.raises(InputError, match="is no amount"):
        Budget(limit)


def test_a_free_call_that_hangs_keeps_nobody_waiting() -> None:
    budget = Budget("1")
    free, paid = Meter(Price(per_call=Decimal(0)), budget), Meter(Price(per_call=Decimal(1)), budget)
    assert free.begin() is not None
    held = paid.begin()
    assert held == 1
    paid.end(held, charged=True, captioned=True, tokens=None)
    # The free one is still under way, and nothing of its is held that could come free.
    answers: SimpleQueue[Decimal | None] = SimpleQueue()
    threading.Thread(target=lambda: answers.put(paid.begin()), daemon=True).start()
    assert answers.get(timeout=5) is None
