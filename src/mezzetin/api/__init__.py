"""The verbs: what every command does, as Python functions of the same names.

The one place that joins the packages of the floor below. Progress goes to a callable that takes `records.Progress`;
nothing here prints. Heavy packages are imported where they are used, so that captioning needs neither torch nor
pyarrow.
"""

from mezzetin.api.captioning import caption, caption_table, contact_sheet
from mezzetin.api.collecting import collect
from mezzetin.api.indexing import index
from mezzetin.api.preparing import ingest, inspect
from mezzetin.api.training import sweep, train
from mezzetin.captioner import load_captioner
from mezzetin.checkup.examination import doctor
from mezzetin.collection.calibrating import calibrate
from mezzetin.collection.collect import foresee
from mezzetin.collection.linting import lint_collection as lint
from mezzetin.collection.verbs import backup, forget, history, restore, undo, undo_run
from mezzetin.deployment.run import deploy, deployments, plan_deployment, undeploy
from mezzetin.evaluation.judging import compare, evaluate
from mezzetin.evaluation.registering import models, promote, pull, register, unregister
from mezzetin.publication.exporting import export
from mezzetin.registry.reference import find_model
from mezzetin.retrieval.searching import search
from mezzetin.serving.keys import add_key, list_keys, revoke_key
from mezzetin.serving.signin.accounts import (
    accounts_beside,
    add_account,
    change_password,
    change_role,
    disable_account,
    enable_account,
    list_accounts,
)
from mezzetin.serving.start import serve
from mezzetin.storage.azure.credentials import login, logout
from mezzetin.storage.copying.run import store
from mezzetin.storage.pictures import find_pictures

__all__ = [
    "accounts_beside",
    "add_account",
    "add_key",
    "backup",
    "calibrate",
    "caption",
    "caption_table",
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
    "find_model",
    "find_pictures",
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
    "undo_run",
    "unregister",
]
