"""`mezzetin serve`: captions over HTTP, until it is stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mezzetin.cli import external as others
from mezzetin.cli.output import AsJson, Beam, Model, Plain, opened
from mezzetin.cli.signin_options import with_sign_in

Host = Annotated[
    str, typer.Option(help="The address to listen on. Off this machine it needs keys, and TLS or a proxy.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0: any that is free.")]
Keys = Annotated[Path | None, typer.Option("--keys", metavar="FILE", help="The API keys that may ask.")]
Certificate = Annotated[Path | None, typer.Option("--tls-certificate", metavar="FILE", help="PEM, with --tls-key.")]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="PEM, with --tls-certificate.")]
Proxy = Annotated[bool, typer.Option("--behind-proxy", help="Something in front of this server speaks TLS.")]
Gateway = Annotated[
    bool,
    typer.Option(
        "--behind-gateway",
        envvar="MEZZETIN_BEHIND_GATEWAY",
        help="Something in front speaks TLS and asks everybody who they are; nobody gets past it.",
    ),
]
AllowHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host", metavar="HOST[:PORT]", help="A store besides Azure's that a SAS may name. Repeatable."
    ),
]
CorsOrigins = Annotated[
    list[str] | None,
    typer.Option("--cors-origin", metavar="ORIGIN", help="A site whose pages may ask from a browser. Repeatable."),
]
Rate = Annotated[
    float | None,
    typer.Option(min=0.01, help="Requests a second for each key. Default: 100; without keys no limit."),
]
Alternatives = Annotated[int, typer.Option("--alternatives", min=0, max=49, help="Further captions a picture.")]
Jobs = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where long requests are kept while they run.")]
Queue = Annotated[int | None, typer.Option(min=1, help="Pictures held at once; beyond that: 503. Default: 64.")]
Deadline = Annotated[
    float | None, typer.Option(envvar="MEZZETIN_DEADLINE", help="Seconds that a request may take. Default: 30.")
]
Decoders = Annotated[int | None, typer.Option(min=1, max=64, help="Processes that decode. Default: by processors.")]
Collection = Annotated[
    Path | None,
    typer.Option("--collection", metavar="FILE", help="Show and review this collection, at /gallery and /review."),
]
HouseRules = Annotated[
    Path | None, typer.Option("--house-rules", metavar="FILE", help="What alt texts are checked against (TOML).")
]
PictureSources = Annotated[
    list[str] | None,
    typer.Option(
        "--picture-source",
        metavar="LINK",
        help="A SAS link that pictures of the collection are read with: it does not keep signatures. Repeatable.",
    ),
]
LogFormat = Annotated[
    Literal["auto", "json", "plain"] | None,
    typer.Option(metavar="FORMAT", help="Of the log, on stderr: json, plain, or auto (plain on a terminal only)."),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning"] | None,
    typer.Option(metavar="LEVEL", help="What the log tells: debug, info or warning. Default: info."),
]
_NO_SETTINGS = ("as_json", "plain", "who")
#: The file of keys where nothing else says who is asked: neither --keys nor a gateway in front.
_USUAL_KEYS = "MEZZETIN_SERVE_KEYS"


@with_sign_in
def serve(
    model: Model = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    keys_file: Keys = None,
    tls_certificate: Certificate = None,
    tls_key: TlsKey = None,
    behind_proxy: Proxy = False,
    behind_gateway: Gateway = False,
    cors_origins: CorsOrigins = None,
    rate: Rate = None,
    allow_hosts: AllowHosts = None,
    beam: Beam = None,
    alternatives: Alternatives = 4,
    jobs: Jobs = None,
    queue: Queue = None,
    deadline: Deadline = None,
    decoders: Decoders = None,
    external: others.With = None,
    external_settings: others.SettingsFile = None,
    budget: others.BudgetLimit = None,
    restricted: others.Restricted = None,
    collection: Collection = None,
    house_rules: HouseRules = None,
    picture_sources: PictureSources = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    as_json: AsJson = False,
    plain: Plain = False,
    **who: Any,
) -> None:
    """Serve captions over HTTP.

    POST /score captions pictures; /openapi.json describes all that it answers. SIGTERM and Ctrl-C end it once every
    request under way has its answer.
    """
    keys_file = keys_file or _usual_keys(behind_gateway=behind_gateway)
    # Before anything else is local: the other options have the names of settings.
    given = {**locals(), **who}
    _serve({k: v for k, v in given.items() if v is not None and k not in _NO_SETTINGS}, as_json=as_json, plain=plain)


def _usual_keys(*, behind_gateway: bool) -> Path | None:
    usual = os.environ.get(_USUAL_KEYS)
    return Path(usual) if usual and not behind_gateway else None


def _serve(settings: dict[str, Any], *, as_json: bool, plain: bool) -> None:
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        def started(address: str) -> None:
            output.record({"address": address})
            output.say(f"serving at {address}")

        api.serve(started=started, **settings)
