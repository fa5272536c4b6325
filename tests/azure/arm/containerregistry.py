"""A container registry with tasks, on the local Resource Manager: what was uploaded to it, and how its builds end."""

from __future__ import annotations

from typing import Any

from mezzetin.deployment.image import Builder
from tests.azure.arm.faults import Answer
from tests.azure.arm.server import SUBSCRIPTION, ArmServer, Call
from tests.azure.entra import Signed

SIGNATURE = "sig=c2VjcmV0"


class Registry:
    """Registry `museum` of resource group `museum`."""

    def __init__(self, arm: ArmServer) -> None:
        self.arm, self.uploaded, self.ends_as = arm, b"", "Succeeded"
        self.looks: dict[str, list[str]] = {}
        self.tasks: list[dict[str, Any]] = []
        base = r".*/registries/museum"
        arm.handle("POST", rf"{base}/listBuildSourceUploadUrl", self.place)
        arm.handle("PUT", r"/upload/context", self.upload, open_to_all=True)
        arm.handle("POST", rf"{base}/scheduleRun", self.schedule)
        arm.handle("GET", rf"{base}/runs/(ca\d)", self.run)

    def place(self, call: Call) -> Answer:
        return Answer(
            200, {"uploadUrl": f"{self.arm.url}/upload/context?{SIGNATURE}", "relativePath": "source/1.tar.gz"}
        )

    def upload(self, call: Call) -> Answer:
        self.uploaded = call.raw
        assert call.headers["X-Ms-Blob-Type"] == "BlockBlob"
        return Answer(201)

    def schedule(self, call: Call) -> Answer:
        self.tasks.append(call.body)
        name = f"ca{len(self.tasks)}"
        self.looks[name] = [self.ends_as, "Running", "Queued"]
        return Answer(200, {"properties": {"runId": name, "status": "Queued"}})

    def run(self, call: Call) -> Answer:
        (name,) = call.found
        states = self.looks[name]
        return Answer(200, {"properties": {"runId": name, "status": states.pop() if len(states) > 1 else states[0]}})

    def builder(self) -> Builder:
        return Builder(SUBSCRIPTION, "museum", "museum", "museum.azurecr.io", self.arm.url, Signed(), interval=0.01)
