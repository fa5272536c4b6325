"""Other captioners behind our protocol: Azure AI Vision, chat endpoints with vision, models of `transformers`.

Enters: a name and settings. Leaves: a captioner that is off until somebody names it, counts what it costs, and never
lets a picture go that is marked restricted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from mezzetin.errors import InputError
from mezzetin.external.answers import Client
from mezzetin.external.azure_vision import AzureVision
from mezzetin.external.beside import caption_beside
from mezzetin.external.budget import Budget, Meter, Usage
from mezzetin.external.openai_chat import ChatEndpoint
from mezzetin.external.outgoing import RESTRICTED, Picture, is_restricted
from mezzetin.external.service import External, Patience
from mezzetin.external.settings import ServiceSettings, read_settings
from mezzetin.external.transformers_local import LocalModel

#: How a kind of captioner is opened, from its name and settings.
CLIENTS: dict[str, Callable[[str, Any], Client]] = {
    "azure_vision": AzureVision,
    "openai_chat": ChatEndpoint,
    "transformers_local": LocalModel,
}


def external_captioner(
    name: str,
    settings: str | Path | Mapping[str, Any] | None = None,
    *,
    budget: Budget | None = None,
    restricted: Callable[[Picture], bool] | None = None,
) -> External:
    """Open the external captioner `name`: the TOML file or table `settings` and the environment say what it is.

    Captioners that are given the same `budget` share it. A picture for which `restricted` is true never leaves.

    Raises:
        InputError: there is no such captioner, a setting is wrong or missing, or a budget is set and no price.
        MissingExtra: what it needs is not installed.

    """
    chosen = read_settings(name, settings)
    purse = budget or Budget()
    if purse.limit is not None and not chosen.price.is_known:
        raise InputError(f"a budget needs the price of {name}: write price_per_call, or prices of tokens, 0 if free")
    client = CLIENTS[chosen.kind](name, chosen)
    meter = Meter(chosen.price, purse)
    size, language = chosen.longest_side, chosen.language
    if not isinstance(chosen, ServiceSettings):
        return External(client, meter, language=language, longest_side=size, leaves=False, restricted=restricted)
    patience = Patience(chosen.timeout, chosen.retries, chosen.give_up_after)
    return External(
        client,
        meter,
        language=language,
        longest_side=size,
        parallel=chosen.parallel,
        patience=patience,
        restricted=restricted,
    )


def external_captioners(
    names: Iterable[str],
    settings: str | Path | Mapping[str, Any] | None = None,
    *,
    budget: Decimal | float | str | None = None,
) -> dict[str, External]:
    """Open several, by name; `budget` is what they may cost together. Raises also what `external_captioner` raises.

    Raises:
        InputError: a name is there twice.

    """
    counts = Counter(names)
    twice = [name for name, number in counts.items() if number > 1]
    if twice:
        raise InputError(f"the captioner {twice[0]} is named twice: name each once")
    shared = Budget(budget)
    return {name: external_captioner(name, settings, budget=shared) for name in counts}


__all__ = [
    "CLIENTS",
    "RESTRICTED",
    "Budget",
    "External",
    "Picture",
    "Usage",
    "caption_beside",
    "external_captioner",
    "external_captioners",
    "is_restricted",
]
