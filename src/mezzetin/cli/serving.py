"""`mezzetin serve`: captions over HTTP, until it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mezzetin.cli.output import AsJson, Beam, Model, Plain, opened

Host = Annotated[
    str, typer.Option(help="The address to listen on. Off this machine it needs keys, and TLS or a proxy.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0: any that is free.")]
Keys = Annotated[Path | None, typer.Option("--keys", metavar="FILE", help="The API keys that may ask.")]
Certificate = Annotated[Path | None, typer.Option("--tls-certificate", metavar="FILE", help="PEM, with --tls-key.")]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="PEM, with --tls-certificate.")]
Proxy = Annotated[bool, typer.Option("--behind-proxy", help="Something in front of this server speaks TLS.")]
AllowHosts = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="HOST[:PORT]", help="A store besides Azure's that may be named. Repeatable."),
]
Tenant = Annotated[
    str | None, typer.Option("--entra-tenant", metavar="ID", help="Let tokens of this Entra tenant in, beside keys.")
]
Audiences = Annotated[
    list[str] | None,
    typer.Option("--entra-audience", metavar="URI", help="The app that tokens must be for. Repeatable."),
]
Authority = Annotated[
    str | None, typer.Option("--entra-authority", metavar="URL", help="Entra of another cloud than the public one.")
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
Deadline = Annotated[float | None, typer.Option(help="Seconds that a request may take. Default: 30.")]
Decoders = Annotated[int | None, typer.Option(min=1, max=64, help="Processes that decode. Default: by processors.")]
LogFormat = Annotated[
    Literal["auto", "json", "plain"] | None,
    typer.Option(metavar="FORMAT", help="Of the log, on stderr: json, plain, or auto (plain on a terminal only)."),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning"] | None,
    typer.Option(metavar="LEVEL", help="What the log tells: debug, info or warning. Default: info."),
]
_OF_OUTPUT = ("as_json", "plain")


def serve(
    model: Model = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    keys_file: Keys = None,
    tls_certificate: Certificate = None,
    tls_key: TlsKey = None,
    behind_proxy: Proxy = False,
    entra_tenant: Tenant = None,
    entra_audiences: Audiences = None,
    entra_authority: Authority = None,
    cors_origins: CorsOrigins = None,
    rate: Rate = None,
    allow_hosts: AllowHosts = None,
    beam: Beam = None,
    alternatives: Alternatives = 4,
    jobs: Jobs = None,
    queue: Queue = None,
    deadline: Deadline = None,
    decoders: Decoders = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Serve captions over HTTP.

    POST /score captions pictures; /openapi.json describes all that it answers. SIGTERM and Ctrl-C end it once every
    request under way has its answer.
    """
    # Before anything else is local: the other options have the names of settings.
    given: dict[str, Any] = {k: v for k, v in locals().items() if v is not None and k not in _OF_OUTPUT}
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        def started(address: str) -> None:
            output.record({"address": address})
            output.say(f"serving at {address}")

        api.serve(started=started, **given)
