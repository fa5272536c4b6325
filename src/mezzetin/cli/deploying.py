"""`mezzetin deploy|deployments|undeploy`: a model's name in, an endpoint that answers out."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli.output import AsJson, Output, Plain, opened

if TYPE_CHECKING:
    from mezzetin.deployment.base import Answered, Deployment, Step

Target = Annotated[str, typer.Argument(metavar="TARGET", help="Where: local, aci, azureml or kubernetes.")]
DeployedModel = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="A bundle, NAME@ALIAS or NAME/VERSION. Default: the bundled one."),
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="Of the deployment. Default: the model's.")]
Image = Annotated[
    str | None, typer.Option(metavar="REF", help="A container image. Default: one is built where the target can.")
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="TOML with a table [deploy.TARGET].")
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting of the target. Repeatable.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print every resource and request, and make none.")]
Registry = Annotated[
    str | None, typer.Option(metavar="URI", help="The registry that MODEL is in. Default: as for `mezzetin models`.")
]


def deploy(
    target: Target,
    model: DeployedModel = None,
    name: Name = None,
    image: Image = None,
    settings: SettingsFile = None,
    changes: Changes = None,
    dry_run: DryRun = False,
    registry: Registry = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Deploy a model, and wait until it captions a picture.

    The same call changes nothing that is as it should be, and goes on where it was cut off. Where the new version
    gives no caption, the old one goes on serving.
    """
    with opened(as_json=as_json, plain=plain, goes_on=True) as output:
        from mezzetin import api

        wanted: dict[str, Any] = {
            "name": name,
            "image": image,
            "settings": settings,
            "registry": registry,
            "changes": parsed_changes(changes),
        }
        if dry_run:
            for step in api.plan_deployment(target, model, **wanted):
                _say_step(output, step)
            return
        answered = api.deploy(target, model, **wanted, report=output.report)
        _say_answer(output, answered)


def deployments(
    target: Annotated[
        str | None, typer.Argument(metavar="[TARGET]", help="Default: this machine, and the targets of the settings.")
    ] = None,
    settings: SettingsFile = None,
    changes: Changes = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """List what is deployed, and whether it serves."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        found = api.deployments(target, settings=settings, changes=parsed_changes(changes))
        for deployment in found:
            output.record(_to_json(deployment))
            output.say(
                f"{deployment.name}  {deployment.target}  {deployment.state}  {deployment.url or 'no address'}  "
                f"{deployment.model} {deployment.digest[:12]}"
            )
            if deployment.state == "failed" and "last line" in deployment.details:
                output.say(f"  {deployment.details['last line']}")
        if not found:
            output.say("nothing is deployed: make an endpoint with `mezzetin deploy local`")


def undeploy(
    target: Target,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the deployment.")],
    settings: SettingsFile = None,
    changes: Changes = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Remove a deployment and what was made for it alone; requests under way get their answers first."""
    with opened(as_json=as_json, plain=plain, goes_on=True) as output:
        from mezzetin import api

        api.undeploy(target, name, settings=settings, changes=parsed_changes(changes))
        output.record({"name": name, "target": target, "removed": True})
        output.say(f"{name} is removed from {target}")


def parsed_changes(changes: list[str] | None) -> dict[str, Any]:
    """Settings out of KEY=VALUE: VALUE as TOML writes it, anything else as text; `a.b=1` is a table `a`."""
    found: dict[str, Any] = {}
    for change in changes or ():
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise typer.BadParameter(f"{change!r} is no KEY=VALUE", param_hint="--set")
        *above, last = key.strip().split(".")
        table = found
        for part in above:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise typer.BadParameter(f"{part} is a value and a table at once", param_hint="--set")
        table[last] = _value(text.strip())
    return found


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _say_step(output: Output, step: Step) -> None:
    output.record(dataclasses.asdict(step))
    output.say(f"{step.what}: {step.verb} {step.target}")
    if step.body is None:
        return
    text = step.body if isinstance(step.body, str) else json.dumps(step.body, indent=2, ensure_ascii=False)
    for line in text.splitlines():
        output.say(f"    {line}")


def _say_answer(output: Output, answered: Answered) -> None:
    found = answered.deployment
    output.record({**_to_json(found), "caption": answered.caption, "seconds": round(answered.seconds, 3)})
    output.say(f"{found.name} serves {found.model} at {found.url}")
    output.say(f"it said of a picture: {answered.caption} ({answered.seconds:.2f} s)")
    if found.how_to_get_key:
        output.say(f"key: {found.how_to_get_key}")
    output.say(f"try it: {_curl(found)}")


def _curl(found: Deployment) -> str:
    from mezzetin.deployment.smoke import curl_line

    return found.details.get("curl") or curl_line(found.url or "URL", key="$KEY" if found.how_to_get_key else "")


def _to_json(found: Deployment) -> dict[str, Any]:
    content = dataclasses.asdict(found)
    return {**content, "details": dict(found.details), "curl": _curl(found)}
