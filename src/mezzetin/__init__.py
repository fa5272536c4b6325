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
    "add_account": "mezzetin.api",
    "add_key": "mezzetin.api",
    "backup": "mezzetin.api",
    "calibrate": "mezzetin.api",
    "caption": "mezzetin.api",
    "change_password": "mezzetin.api",
    "change_role": "mezzetin.api",
    "collect": "mezzetin.api",
    "compare": "mezzetin.api",
    "contact_sheet": "mezzetin.api",
    "deploy": "mezzetin.api",
    "deployments": "mezzetin.api",
    "disable_account": "mezzetin.api",
    "doctor": "mezzetin.api",
    "enable_account": "mezzetin.api",
    "evaluate": "mezzetin.api",
    "export": "mezzetin.api",
    "foresee": "mezzetin.api",
    "forget": "mezzetin.api",
    "history": "mezzetin.api",
    "index": "mezzetin.api",
    "ingest": "mezzetin.api",
    "inspect": "mezzetin.api",
    "lint": "mezzetin.api",
    "list_accounts": "mezzetin.api",
    "list_keys": "mezzetin.api",
    "load_captioner": "mezzetin.api",
    "login": "mezzetin.api",
    "logout": "mezzetin.api",
    "models": "mezzetin.api",
    "plan_deployment": "mezzetin.api",
    "promote": "mezzetin.api",
    "pull": "mezzetin.api",
    "quickstart": "mezzetin.tour",
    "register": "mezzetin.api",
    "restore": "mezzetin.api",
    "revoke_key": "mezzetin.api",
    "search": "mezzetin.api",
    "serve": "mezzetin.api",
    "store": "mezzetin.api",
    "sweep": "mezzetin.api",
    "train": "mezzetin.api",
    "undeploy": "mezzetin.api",
    "undo": "mezzetin.api",
    "unregister": "mezzetin.api",
    "Caption": "mezzetin.records",
    "Captioner": "mezzetin.records",
    "MezzetinError": "mezzetin.errors",
}

if TYPE_CHECKING:
    from mezzetin.api import (
        add_account,
        add_key,
        backup,
        calibrate,
        caption,
        change_password,
        change_role,
        collect,
        compare,
        contact_sheet,
        deploy,
        deployments,
        disable_account,
        doctor,
        enable_account,
        evaluate,
        export,
        foresee,
        forget,
        history,
        index,
        ingest,
        inspect,
        lint,
        list_accounts,
        list_keys,
        load_captioner,
        login,
        logout,
        models,
        plan_deployment,
        promote,
        pull,
        register,
        restore,
        revoke_key,
        search,
        serve,
        store,
        sweep,
        train,
        undeploy,
        undo,
        unregister,
    )
    from mezzetin.errors import MezzetinError
    from mezzetin.records import Caption, Captioner
    from mezzetin.tour import quickstart

__all__ = [
    "Caption",
    "Captioner",
    "MezzetinError",
    "__version__",
    "add_account",
    "add_key",
    "backup",
    "calibrate",
    "caption",
    "change_password",
    "change_role",
    "collect",
    "compare",
    "contact_sheet",
    "deploy",
    "deployments",
    "disable_account",
    "doctor",
    "enable_account",
    "evaluate",
    "export",
    "foresee",
    "forget",
    "history",
    "index",
    "ingest",
    "inspect",
    "lint",
    "list_accounts",
    "list_keys",
    "load_captioner",
    "login",
    "logout",
    "models",
    "plan_deployment",
    "promote",
    "pull",
    "quickstart",
    "register",
    "restore",
    "revoke_key",
    "search",
    "serve",
    "store",
    "sweep",
    "train",
    "undeploy",
    "undo",
    "unregister",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
