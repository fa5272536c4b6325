"""What target `aci` would do, request by request, without asking anybody and without a secret."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mezzetin.deployment.aci_group import address_of, group_body, tagged, trial_of
from mezzetin.deployment.aci_secrets import planned, redacted
from mezzetin.deployment.aci_settings import AciSettings
from mezzetin.deployment.base import Step, Wanted
from mezzetin.deployment.image import Builder
from mezzetin.storage.paths import Place

_VERSION = "2023-05-01"


def plan_group(
    wanted: Wanted, settings: AciSettings, builder: Builder, folder: Path, model: Place | None
) -> Sequence[Step]:
    """The steps of a deployment; those of a version on trial are taken where an older one serves."""
    keys = settings.keys or folder / "keys.json"
    steps = [Step("make a key for the smoke test", "write", str(keys))]
    image = wanted.image
    if image is None:
        image = builder.image(wanted.bundle)
        steps += builder.plan(wanted.bundle)
    if model is not None:
        steps.append(Step("copy the model, unless it is there", "PUT", str(model)))
    base = (
        f"{settings.endpoint}/subscriptions/{settings.subscription}/resourceGroups/{settings.resource_group}"
        "/providers/Microsoft.ContainerInstance/containerGroups"
    )
    for trial in (True, False):
        chosen = trial_of(settings) if trial else settings
        made = group_body(chosen, planned(settings), image=image, model=None if model is None else str(model))
        body = tagged(made, name=wanted.name, model=wanted.model, digest=wanted.bundle.digest, trial=trial)
        url = f"{base}/{wanted.name}{'-trial' if trial else ''}?api-version={_VERSION}"
        when = "where an older version serves: put up the new one beside it" if trial else "make or change the group"
        steps.append(Step(when, "PUT", url, redacted(body)))
        steps.append(Step("ask for a caption", "POST", f"https://{address_of(chosen)}/score"))
        if trial:
            steps.append(Step("remove the version on trial", "DELETE", url))
    return steps
