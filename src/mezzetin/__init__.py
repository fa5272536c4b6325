"""Mezzetin: train, prove and run an image captioner on your own pictures.

    from mezzetin import load_captioner
    load_captioner().caption(["bench.jpg"])

One function a verb, loaded when first used: importing this package loads neither torch nor ONNX Runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_FACE = {
    "add_key": "mezzetin.api",
    "caption": "mezzetin.api",
    "compare": "mezzetin.api",
    "contact_sheet": "mezzetin.api",
    "doctor": "mezzetin.api",
    "evaluate": "mezzetin.api",
    "ingest": "mezzetin.api",
    "inspect": "mezzetin.api",
    "list_keys": "mezzetin.api",
    "load_captioner": "mezzetin.api",
    "login": "mezzetin.api",
    "logout": "mezzetin.api",
    "quickstart": "mezzetin.tour",
    "revoke_key": "mezzetin.api",
    "serve": "mezzetin.api",
    "store": "mezzetin.api",
    "sweep": "mezzetin.api",
    "train": "mezzetin.api",
    "Caption": "mezzetin.records",
    "Captioner": "mezzetin.records",
    "MezzetinError": "mezzetin.errors",
}

if TYPE_CHECKING:
    from mezzetin.api import (
        add_key,
        caption,
        compare,
        contact_sheet,
        doctor,
        evaluate,
        ingest,
        inspect,
        list_keys,
        load_captioner,
        login,
        logout,
        revoke_key,
        serve,
        store,
        sweep,
        train,
    )
    from mezzetin.errors import MezzetinError
    from mezzetin.records import Caption, Captioner
    from mezzetin.tour import quickstart

__all__ = [
    "Caption",
    "Captioner",
    "MezzetinError",
    "__version__",
    "add_key",
    "caption",
    "compare",
    "contact_sheet",
    "doctor",
    "evaluate",
    "ingest",
    "inspect",
    "list_keys",
    "load_captioner",
    "login",
    "logout",
    "quickstart",
    "revoke_key",
    "serve",
    "store",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
