"""Azure on this machine, for `runs/eight_steps.sh`: `python -m runs.cloud_here FOLDER CAPTIONER`, until stdin ends.

Enters: a folder, and the bundle that the container image is taken to hold. Leaves: Azurite, a Resource Manager with a
workspace and a resource group, an identity, and a web server for `FOLDER/web`; and, once all of them answer, the file
`FOLDER/environment`, which a shell reads. What is deployed really runs: a container group is a `mezzetin serve` with
the keys out of the group's secret volume, an online deployment is Azure's inference server with the files that were
uploaded as its model.
"""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mezzetin.deployment.azureml_bodies import ENTRY, ENTRY_CODE
from mezzetin.deployment.launching import free_port
from tests.azure.arm.cloud import NamedAzurite, variables
from tests.azure.arm.faults import Answer
from tests.azure.arm.machinelearning import WORKSPACE, MachineLearning
from tests.azure.arm.server import SUBSCRIPTION, ArmServer, Call
from tests.azure.azurite import missing
from tests.azure.entra import bearer_token
from tests.azure.inference_server import NotInstalled, environment, inference_server

ROOT = Path(__file__).parents[1]
SPECS = ROOT.parent / "shared" / "specs"
CONTAINER = "museum"
LIFE_S = 3600
#: Not every system leads names below localhost to itself, as RFC 6761 has it; Azure's SDK asks for such names.
NAMES = """import socket
ask = socket.getaddrinfo
def getaddrinfo(host, *rest, **options):
    local = isinstance(host, str) and host.endswith(".localhost")
    return ask("127.0.0.1" if local else host, *rest, **options)
socket.getaddrinfo = getaddrinfo
"""


class Cloud:
    """What runs on order of the Resource Manager: container groups and online deployments; ended with `stack`."""

    def __init__(self, folder: Path, captioner: str, azurite: NamedAzurite, arm: ArmServer, stack: ExitStack) -> None:
        self.folder, self.captioner, self.azurite, self.arm, self.stack = folder, captioner, azurite, arm, stack
        self.azureml = MachineLearning(arm, azurite, azurite.host)
        self.azureml.backend = self.scored
        self._completed = arm.complete
        arm.complete = self.completed
        arm.handle("GET", "/identity/token", token, open_to_all=True)
        arm.handle("DELETE", r"(.*/containerGroups/[^/]+)", self.removed)
        self.groups: dict[str, subprocess.Popen[bytes]] = {}
        self.deployments: dict[str, str] = {}

    def completed(self, path: str, resource: dict[str, Any]) -> None:
        """A container group is given an address, and its containers run."""
        if self._completed is not None:
            self._completed(path, resource)
        if "/containergroups/" not in path.lower():
            return
        properties = resource["properties"]
        port = free_port("127.0.0.1")
        volumes = {volume["name"]: volume for volume in properties["volumes"]}
        keys = self.folder / f"group-{port}-keys.json"
        keys.write_bytes(base64.b64decode(volumes["keys"]["secret"]["keys.json"]))
        properties["ipAddress"] |= {"ip": "127.0.0.1", "fqdn": f"localhost:{port}"}
        command = [sys.executable, "-m", "mezzetin", "serve", "--model", self.captioner, "--port", str(port)]
        command += ["--keys", str(keys), "--jobs", str(self.folder / f"group-{port}-jobs"), "--decoders", "1"]
        command += ["--tls-certificate", str(self.azurite.certificate), "--tls-key", str(self.azurite.private_key)]
        self.end(path)
        with (self.folder / f"group-{port}.log").open("wb") as log:
            self.groups[path] = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own program
        self.stack.callback(self.end, path)

    def removed(self, call: Call) -> None:
        """The containers of a group end with it; the group itself goes the ordinary way."""
        self.end(call.path)

    def end(self, path: str) -> None:
        """End the containers of a group, if there are any."""
        if (process := self.groups.pop(path, None)) is not None:
            process.terminate()
            process.wait(60)

    def scored(self, deployment: dict[str, Any]) -> str:
        """Where a deployment answers; its inference server is started when it is first asked."""
        if (known := self.deployments.get(deployment["id"])) is not None:
            return known
        folder = self.folder / f"deployment-{deployment['name']}"
        self.fetch(deployment["properties"]["model"], folder / "model")
        (folder / ENTRY).write_text(ENTRY_CODE, encoding="utf-8")
        own = {"AML_APP_ROOT": str(folder), "AZUREML_ENTRY_SCRIPT": ENTRY, "AZUREML_MODEL_DIR": str(folder / "model")}
        # Where Azure's own hosts are known to it, this machine's are not.
        trusted = variables(self.arm, self.azurite)
        own |= {name: trusted[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if name in trusted}
        own["MEZZETIN_STORE_HOSTS"] = f"127.0.0.1:{self.azurite.port}"
        given = deployment["properties"]["environmentVariables"]
        client = self.stack.enter_context(inference_server(environment(), folder / "log", {**given, **own}))
        self.deployments[deployment["id"]] = str(client.base_url).rstrip("/")
        return self.deployments[deployment["id"]]

    def fetch(self, model: str, folder: Path) -> None:
        """Copy a registered model's files out of the workspace's store, as Azure mounts them."""
        uri = self.arm.resources["/subscriptions/" + model.partition("/subscriptions/")[2]]["properties"]["modelUri"]
        above = uri.partition("/paths/")[2].strip("/") or uri.partition(f"/{self.azureml.container}/")[2].strip("/")
        for name in self.azurite.names(self.azureml.container):
            if name.startswith(f"{above}/"):
                target = folder / name.removeprefix(f"{above}/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(self.azurite.get(self.azureml.container, name))


def token(call: Call) -> Answer:
    """A token as the managed identity of an App Service gives it, on loopback."""
    expires = int(time.time()) + LIFE_S
    held = bearer_token(expires=expires, audience=call.query.get("resource", ""))
    return Answer(200, {"access_token": held, "expires_on": str(expires), "resource": "", "token_type": "Bearer"})


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a word."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def described(cloud: Cloud, web: ThreadingHTTPServer, inference: str) -> dict[str, str]:
    """The environment in which Mezzetin and Azure's SDKs take this machine for Azure."""
    certificate, arm, azurite = str(cloud.azurite.certificate), cloud.arm, cloud.azurite
    settings = cloud.folder / "deploy.toml"
    common = {"subscription": SUBSCRIPTION, "resource_group": "museum", "trust": certificate}
    # The share's key is nobody's: no share is mounted here.
    aci = {"location": "westeurope", "dns_label": "museum-captions", "share": "caddy", "share_account": "museumfiles"}
    tables = {"aci": {**common, **aci, "endpoint": arm.url}, "azureml": {**common, "workspace": WORKSPACE}}
    lines = [
        line
        for name, table in tables.items()
        for line in (f"[deploy.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items()))
    ]
    settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        **variables(arm, azurite),
        "PYTHONPATH": str(cloud.folder / "names"),
        "AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "IDENTITY_ENDPOINT": f"{arm.url}/identity/token",
        "IDENTITY_HEADER": "here",
        "AZURE_FILES_KEY": base64.b64encode(b"nobody's").decode(),
        "MEZZETIN_STORE_HOSTS": f"127.0.0.1:{azurite.port}",
        "MEZZETIN_FETCH_NETWORKS": "127.0.0.0/8",
        "MEZZETIN_FETCH_PORTS": str(web.server_address[1]),
        "SETTINGS": str(settings),
        "CERTIFICATE": certificate,
        "WEB": f"http://127.0.0.1:{web.server_address[1]}",
        "AZURE_PICTURES": f"az://{CONTAINER}/pictures",
        "SAS": azurite.sas(CONTAINER, folder="pictures"),
        "SAS_NEW": azurite.sas(CONTAINER, folder="new"),
        "NO_INFERENCE": inference,
    }


def main() -> None:
    """Start everything, write the environment, and end everything when stdin does."""
    folder, captioner = Path(sys.argv[1]).absolute(), sys.argv[2]
    if reason := missing():
        sys.exit(reason)
    try:
        environment()
        inference = ""
    except NotInstalled as error:
        inference = str(error)
    (folder / "names").mkdir(parents=True, exist_ok=True)
    (folder / "names" / "sitecustomize.py").write_text(NAMES, encoding="utf-8")
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder / "web")))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    with ExitStack() as stack:
        azurite = stack.enter_context(NamedAzurite(folder / "azurite"))
        azurite.container(CONTAINER)
        tls = (azurite.certificate, azurite.private_key)
        arm = stack.enter_context(ArmServer(SPECS, tls))
        cloud = Cloud(folder, captioner, azurite, arm, stack)
        told = "".join(
            f"export {name}={shlex.quote(value)}\n" for name, value in described(cloud, web, inference).items()
        )
        # Written whole, then renamed: the script waits for its name.
        (folder / "environment.part").write_text(told, encoding="utf-8")
        (folder / "environment.part").replace(folder / "environment")
        sys.stdin.read()
        if arm.violations:
            sys.exit("\n".join(arm.violations))


if __name__ == "__main__":
    main()
