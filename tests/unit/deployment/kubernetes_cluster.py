"""As much of a Kubernetes API server as kubectl needs for our kinds, on loopback, with a controller for roll-outs.

Enters: kubectl's requests. Each object that is applied is validated against Kubernetes' schemas. A Deployment whose
image is `broken` never gets ready; every other one is at once. Its templates are kept as ReplicaSets, by revision.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate
import yaml  # type: ignore[import-untyped]

VERSION = "1.34.0"
KINDS = {
    "v1": {"services": "Service", "secrets": "Secret", "serviceaccounts": "ServiceAccount"},
    "apps/v1": {"deployments": "Deployment", "replicasets": "ReplicaSet"},
    "autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy", "ingresses": "Ingress"},
}
REVISION = "deployment.kubernetes.io/revision"
Item = dict[str, Any]


class Cluster(ThreadingHTTPServer):
    """The server; `objects` by plural and name, `requests` as (method, path)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[tuple[str, str], Item] = {}
        self.requests: list[tuple[str, str]] = []
        self.version = 1

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads here."""
        address = f"http://127.0.0.1:{self.server_port}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": address}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
            "current-context": "c",
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def put(self, plural: str, name: str, item: Item) -> Item:
        """Keep an object as the server does, and let the controller act."""
        before = self.objects.get((plural, name), {})
        self.version += 1
        metadata = item["metadata"]
        said = {**before.get("metadata", {}).get("annotations", {}), **metadata.get("annotations", {})}
        metadata |= {"resourceVersion": str(self.version), "uid": f"{plural}-{name}", "annotations": said}
        metadata.setdefault("generation", before.get("metadata", {}).get("generation", 0) + 1)
        self.objects[(plural, name)] = item
        if plural == "deployments":
            self._control(name, item)
        return item

    def _control(self, name: str, item: Item) -> None:
        """Give a new template a revision, and say how the roll-out goes."""
        template, sets = item["spec"]["template"], self.replica_sets(name)
        known = next((one for one in sets if one["spec"]["template"] == template), None)
        revision = str(1 + max((int(one["metadata"]["annotations"][REVISION]) for one in sets), default=0))
        if known is None or known is not sets[-1]:
            owner = {"uid": item["metadata"]["uid"], "kind": "Deployment", "name": name, "controller": True}
            metadata = {
                "name": known["metadata"]["name"] if known else f"{name}-{revision}",
                "namespace": item["metadata"]["namespace"],
                "annotations": {REVISION: revision},
                "labels": template["metadata"]["labels"],
                "ownerReferences": [{"apiVersion": "apps/v1", **owner}],
                "uid": f"rs-{revision}",
            }
            made = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata}
            spec = {"replicas": 1, "selector": item["spec"]["selector"], "template": copy.deepcopy(template)}
            self.objects[("replicasets", str(metadata["name"]))] = {**made, "spec": spec}
        newest = self.replica_sets(name)[-1]
        item["metadata"]["annotations"][REVISION] = newest["metadata"]["annotations"][REVISION]
        item["spec"].setdefault("replicas", 1)
        broken = "broken" in template["spec"]["containers"][0]["image"]
        why = "ProgressDeadlineExceeded" if broken else "NewReplicaSetAvailable"
        condition = {"type": "Progressing", "status": str(not broken), "reason": why}
        # One pod of the last good version goes on in any case, once there was one.
        available = 0 if broken and len(sets) == 0 else 1
        item["status"] = {
            "observedGeneration": item["metadata"]["generation"],
            "replicas": 1 + broken,
            "updatedReplicas": 1,
            "availableReplicas": available,
            "readyReplicas": available,
            "conditions": [condition],
        }

    def replica_sets(self, name: str) -> list[Item]:
        """The versions of a Deployment, oldest first."""
        found = [one for (plural, own), one in self.objects.items() if plural == "replicasets" and own.startswith(name)]
        return sorted(found, key=lambda one: int(one["metadata"]["annotations"][REVISION]))


class _Handler(BaseHTTPRequestHandler):
    server: Cluster
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, query = self._asked()
        if (found := _discovery(path)) is not None:
            return self._answer(200, found)
        if path.count("/") == 4:
            # kubectl tells an object that is not there from a namespace that is not there.
            return self._answer(200, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": path[19:]}})
        version, plural, name = _parts(path)
        if name:
            item = self.server.objects.get((plural, name))
            return self._answer(200, item) if item else self._missing(plural, name)
        items = [item for (kind, _), item in self.server.objects.items() if kind == plural and _chosen(item, query)]
        if "watch" in query:
            return self._answer(200, None)
        listed = {"apiVersion": version, "kind": KINDS[version][plural] + "List", "items": items}
        return self._answer(200, {**listed, "metadata": {"resourceVersion": str(self.server.version)}})

    def do_PATCH(self) -> None:
        path, _ = self._asked()
        _, plural, name = _parts(path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        item = copy.deepcopy(self.server.objects.get((plural, name), {}))
        kind = self.headers["Content-Type"]
        if kind == "application/apply-patch+yaml":
            item = yaml.safe_load(body)
            kubernetes_validate.validate(item, VERSION, strict=True)
            item["metadata"].setdefault("namespace", path.split("/namespaces/")[1].split("/")[0])
        elif kind == "application/json-patch+json":
            for change in json.loads(body):
                _replace(item, change["path"].strip("/").split("/"), change["value"])
        else:
            _merge(item, json.loads(body))
        item["metadata"].pop("generation", None)
        return self._answer(200, self.server.put(plural, name, item))

    def do_DELETE(self) -> None:
        path, _ = self._asked()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        _, plural, name = _parts(path)
        if self.server.objects.pop((plural, name), None) is None:
            return self._missing(plural, name)
        if plural == "deployments":
            for one in self.server.replica_sets(name):
                del self.server.objects[("replicasets", one["metadata"]["name"])]
        return self._answer(200, {"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Success"})

    def _asked(self) -> tuple[str, dict[str, list[str]]]:
        split = urlsplit(self.path)
        self.server.requests.append((self.command, split.path))
        return split.path, parse_qs(split.query)

    def _missing(self, plural: str, name: str) -> None:
        status = {"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "reason": "NotFound"}
        self._answer(404, {**status, "code": 404, "message": f'{plural} "{name}" not found', "details": {"name": name}})

    def _answer(self, status: int, content: Any) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _parts(path: str) -> tuple[str, str, str]:
    """Group and version, plural and name of an object's path."""
    pieces = path.strip("/").split("/")
    version = "v1" if pieces[0] == "api" else "/".join(pieces[1:3])
    rest = pieces[pieces.index("namespaces") + 2 :]
    return version, rest[0], rest[1] if len(rest) > 1 else ""


def _discovery(path: str) -> Item | None:
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [name.split("/") for name in KINDS if "/" in name]
        entries = [(group, {"groupVersion": f"{group}/{version}", "version": version}) for group, version in groups]
        listed = [{"name": group, "versions": [entry], "preferredVersion": entry} for group, entry in entries]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path.startswith("/openapi/v3"):
        return _openapi(path.removeprefix("/openapi/v3").strip("/"))
    version = path.removeprefix("/api/") if path.startswith("/api/") else path.removeprefix("/apis/")
    if version not in KINDS:
        return None
    verbs = ["get", "list", "watch", "patch", "delete", "create"]
    resources: list[Item] = [{"name": p, "singularName": k.lower(), "namespaced": True, "kind": k, "verbs": verbs}
              for p, k in KINDS[version].items()]  # fmt: skip
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _openapi(group: str) -> Item:
    """That PATCH takes fieldValidation is what kubectl looks for before it leaves validation to the server."""
    if not group:
        names = {version: "api/v1" if version == "v1" else f"apis/{version}" for version in KINDS}
        return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in names.values()}}
    version = group.split("/", 1)[1]
    paths: Item = {}
    for plural, kind in KINDS[version].items():
        group_name, _, number = version.rpartition("/")
        named = {"group": group_name, "version": number, "kind": kind}
        parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
        operation = {"parameters": [parameter], "x-kubernetes-group-version-kind": named, "responses": {}}
        paths[f"/{group}/namespaces/{{namespace}}/{plural}/{{name}}"] = {"patch": operation}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.34.0"}, "paths": paths}


def _chosen(item: Item, query: dict[str, list[str]]) -> bool:
    labels = item["metadata"].get("labels", {})
    wanted = [part.split("=", 1) for part in query.get("labelSelector", [""])[0].split(",") if part]
    name = query.get("fieldSelector", [""])[0].removeprefix("metadata.name=")
    return all(labels.get(key) == value for key, value in wanted) and name in ("", item["metadata"]["name"])


def _replace(item: Item, path: list[str], value: Any) -> None:
    for piece in path[:-1]:
        item = item[piece.replace("~1", "/")]
    item[path[-1].replace("~1", "/")] = value


def _merge(item: Item, change: Item) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(item.get(key), dict):
            _merge(item[key], value)
        else:
            item[key] = value


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A `Cluster` that answers."""
    with Cluster() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
