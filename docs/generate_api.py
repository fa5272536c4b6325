"""Write api.md and mezzetin.postman_collection.json, beside this file, from `GET /openapi.json` and `score.py`.

`python docs/generate_api.py` enters the server's own description and leaves both; a test fails when they are not what
it says, and runs each call against a server.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from mezzetin.serving import score
from mezzetin.serving.app import create_app
from mezzetin.serving.settings import ServeSettings

PAGE = Path(__file__).with_name("api.md")
COLLECTION = Path(__file__).with_name("mezzetin.postman_collection.json")
SERVER = "http://127.0.0.1:8000"
PICTURE = "dog.jpg"
POSTMAN = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
HEAD = """\
# The REST API

`mezzetin serve` answers what is below; `GET /openapi.json` describes it for programs, and
[a Postman collection](mezzetin.postman_collection.json) holds the same calls. All three are made from one description:
after a change run `python docs/generate_api.py`.

{about}

| a request shows its key as | |
|---|---|
{schemes}

The calls are those to a server on this machine. Where a server wants a key, add `-H "X-Api-Key: $KEY"` to curl and
`headers={{"X-Api-Key": key}}` to the Python. [What a server checks](serving-security.md) says more of keys;
[Azure's own API](azure-api.md) says which of its fields are measured.
"""

SCORE = """\
## Azure Machine Learning

`mezzetin.serving.score` has the `init()` and `run()` that Azure Machine Learning's inference server wants of an entry
script. `mezzetin deploy` sends one; your own is one line:

```py
from mezzetin.serving.score import init, run
```

A request to the endpoint's `/score` is the JSON of [POST /score](#post-score), and so is its answer, with these
differences:

- There are no jobs. `as_job` is 422; more pictures than `most_pictures`, in a list or in a folder, are 413.
- The body is always JSON: neither forms nor lone pictures. What is no JSON, or not of its form, is 422 with a message.
- There are no keys of ours: the endpoint that Azure puts before it checks who asks.

| variable of the deployment | meaning | default |
|---|---|---|
| `AZUREML_MODEL_DIR` | the registered model: one bundle, at any depth; Azure sets it | |
| `MEZZETIN_MODEL` | a bundle, where Azure mounts none | the bundled captioner |
| `MEZZETIN_WITH` | [other captioners](external.md) to ask too, with commas | none |
| `MEZZETIN_EXTERNAL` | the file of their settings | |
| `MEZZETIN_RESTRICTED` | patterns of names that are not sent to them, with commas | none |
{fields}

Sizes are in bytes and times in seconds. Run it with one worker and several threads (`-w 1 --threads 8`): what is asked
at the same time is captioned in one pass.
"""


@dataclass(frozen=True)
class Call:
    """One way to call an operation: `body` is JSON, `file` the name of a picture, sent raw or in the `field`."""

    method: str
    path: str
    note: str = ""
    body: Any = None
    kind: str = ""
    field: str = ""

    @property
    def file(self) -> bool:
        """Whether a picture is sent."""
        return bool(self.kind)

    def curl(self) -> str:
        """As a command."""
        words = ["curl", *(["-X", self.method] if self.method == "DELETE" else []), shlex.quote(SERVER + self.path)]
        if self.body is not None:
            text = json.dumps(self.body, ensure_ascii=False)
            words += ["\\\n ", "-H", "'Content-Type: application/json'", "\\\n ", "-d", shlex.quote(text)]
        elif self.field:
            words += ["\\\n ", "-F", f"{self.field}=@{PICTURE}"]
        elif self.file:
            words += ["\\\n ", "-H", f"'Content-Type: {self.kind}'", "--data-binary", f"@{PICTURE}"]
        return " ".join(words)

    def python(self) -> str:
        """As a program."""
        address, more = json.dumps(SERVER + self.path), ""
        lines = ["import httpx2", ""]
        if self.body is not None:
            lines.append(f"body = {python_of(self.body)}")
            more = ", json=body"
        elif self.file:
            lines.insert(0, "from pathlib import Path\n")
            lines.append(f'picture = Path("{PICTURE}").read_bytes()')
            more = f', files={{"{self.field}": ("{PICTURE}", picture)}}'
            if not self.field:
                lines.append(f'headers = {{"Content-Type": "{self.kind}"}}')
                more = ", content=picture, headers=headers"
        lines.append(f"answer = httpx2.{self.method.lower()}({address}{more}, timeout=60)")
        return "\n".join([*lines, "answer.raise_for_status()", "print(answer.status_code, answer.text)"])

    def postman(self, name: str) -> dict[str, Any]:
        """As an item of a collection, v2.1."""
        path, _, query = self.path.partition("?")
        url: dict[str, Any] = {
            "raw": "{{server}}" + self.path,
            "host": ["{{server}}"],
            "path": path.strip("/").split("/"),
        }
        if query:
            url["query"] = [dict(zip(("key", "value"), part.split("=", 1), strict=True)) for part in query.split("&")]
        request: dict[str, Any] = {"method": self.method, "header": [], "url": url}
        if self.body is not None:
            raw = json.dumps(self.body, indent=2, ensure_ascii=False)
            request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
        elif self.field:
            request["body"] = {"mode": "formdata", "formdata": [{"key": self.field, "type": "file", "src": PICTURE}]}
        elif self.file:
            request["header"] = [{"key": "Content-Type", "value": self.kind}]
            request["body"] = {"mode": "file", "file": {"src": PICTURE}}
        return {"name": f"{name} ({self.note})" if self.note else name, "request": request}


def python_of(value: Any) -> str:
    """JSON as Python writes it, strings in double quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {python_of(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(python_of, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def document() -> dict[str, Any]:
    """The server's description."""
    with tempfile.TemporaryDirectory() as folder:
        return create_app(ServeSettings(jobs=Path(folder))).openapi()


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) in the order of the groups."""
    for tag in schema["tags"]:
        for path, found in schema["paths"].items():
            for method, operation in found.items():
                if tag["name"] in operation["tags"]:
                    yield method.upper(), path, operation


def resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A part of the description, or what it refers to."""
    name = part.get("$ref", "").rpartition("/")[2]
    return dict(schema["components"]["schemas"][name]) if name else part


def calls(schema: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> list[Call]:
    """The ways to call an operation that its examples show."""
    query = {}
    for parameter in operation.get("parameters", []):
        values = parameter.get("example", parameter["schema"].get("examples", parameter["schema"].get("enum")))
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", values[0])
        elif parameter["required"]:
            query[parameter["name"]] = ",".join(values) if "example" in parameter else values[-1]
    target = f"{path}?{urlencode(query, safe=',')}" if query else path
    content = operation.get("requestBody", {}).get("content", {})
    found = [call for kind, body in content.items() for call in _bodies(schema, Call(method, target), kind, body)]
    return found or [Call(method, target)]


def _bodies(schema: dict[str, Any], call: Call, kind: str, body: dict[str, Any]) -> Iterator[Call]:
    method, target = call.method, call.path
    shape = resolved(schema, body["schema"])
    if kind == "application/json":
        for example in shape.get("examples") or [_made(shape)]:
            yield Call(method, target, f"JSON, {' and '.join(sorted(example))}", body=example)
    elif kind == "multipart/form-data":
        yield Call(method, target, "a form", kind=kind, field=shape["required"][0])
    elif "*" not in kind:
        yield Call(method, target, "the picture as the body", kind=kind)


def _made(shape: dict[str, Any]) -> dict[str, Any]:
    """An object of the examples of its properties."""
    return {name: inner["examples"][0] for name, inner in shape["properties"].items()}


def section(schema: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    """One operation of the page."""
    parts = [f"### {method} {path}", f"**{operation['summary']}.** {operation['description']}"]
    if rows := [_parameter(parameter) for parameter in operation.get("parameters", [])]:
        parts.append("\n".join(["| parameter | in | values |", "|---|---|---|", *rows]))
    for call in calls(schema, method, path, operation):
        parts += [f"{call.note[0].upper()}{call.note[1:]}:"] if call.note else []
        parts += [f"```sh\n{call.curl()}\n```", f"```py\n{call.python()}\n```"]
    for answer in operation["responses"].values():
        shape = resolved(schema, next(iter(answer.get("content", {"": {}}).values())).get("schema", {}))
        if examples := shape.get("examples"):
            parts += [
                "It answers, for example:",
                f"```json\n{json.dumps(examples[0], indent=2, ensure_ascii=False)}\n```",
            ]
            break
    rows = [f"| {status} | {answer['description']} |" for status, answer in operation["responses"].items()]
    return "\n\n".join([*parts, "\n".join(["| status | meaning |", "|---|---|", *rows])]) + "\n"


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    choices = schema.get("enum") or schema.get("items", {}).get("enum")
    values = ", ".join(f"`{choice}`" for choice in choices) if choices else schema.get("type", "")
    more = [schema["description"]] if "description" in schema else []
    more += [f"default `{json.dumps(schema['default'])}`"] if "default" in schema else []
    name = f"`{parameter['name']}`" + (" (required)" if parameter["required"] else "")
    return f"| {name} | {parameter['in']} | {'; '.join([values, *more])} |"


def page(schema: dict[str, Any]) -> str:
    """The whole page."""
    schemes = schema["components"]["securitySchemes"].values()
    shown = [
        f"| `{scheme.get('name') or 'Authorization: ' + scheme['scheme'].title()}` | {scheme['description']} |"
        for scheme in schemes
    ]
    parts = [HEAD.format(about=schema["info"]["description"], schemes="\n".join(shown))]
    group = None
    for method, path, operation in operations(schema):
        if operation["tags"][0] != group:
            group = operation["tags"][0]
            (about,) = (tag["description"] for tag in schema["tags"] if tag["name"] == group)
            parts.append(f"## {group[0].upper()}{group[1:]}\n\n{about}\n")
        parts.append(section(schema, method, path, operation))
    rows = [
        f"| `{score.PREFIX}{name.upper()}` | `{name}` of the server's settings | {_default(name)} |"
        for name in score.FIELDS
    ]
    return "\n".join([*parts, SCORE.format(fields="\n".join(rows))])


def _default(name: str) -> str:
    field = ServeSettings.model_fields[name]
    if field.default_factory is not None:
        return "by processors"
    return "none" if field.default is None else f"{field.default:,}"


def collection(schema: dict[str, Any]) -> str:
    """The Postman collection, as text."""
    folders: dict[str, list[dict[str, Any]]] = {}
    for method, path, operation in operations(schema):
        items = [call.postman(operation["summary"]) for call in calls(schema, method, path, operation)]
        folders.setdefault(operation["tags"][0], []).extend(items)
    key = [{"key": "key", "value": "X-Api-Key"}, {"key": "value", "value": "{{key}}"}, {"key": "in", "value": "header"}]
    content = {
        "info": {"name": schema["info"]["title"], "description": schema["info"]["description"], "schema": POSTMAN},
        "auth": {"type": "apikey", "apikey": key},
        "variable": [{"key": "server", "value": SERVER}, {"key": "key", "value": ""}],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    described = document()
    PAGE.write_text(page(described), encoding="utf-8")
    COLLECTION.write_text(collection(described), encoding="utf-8")
