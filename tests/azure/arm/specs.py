"""What Azure's published API descriptions say of a request: which operation it is, and what of its body they know.

Enters: a folder of Swagger 2.0 files as azure-rest-api-specs lays them out. Leaves: for each body `Findings`:
`violations` (a wrong type, a missing member, a value out of range), and `unknown` (members that the stable version does
not have, as previews bring them; ARM itself would ignore or refuse them).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator  # type: ignore[import-untyped]

Json = Any
_KEPT = ("type", "pattern", "minimum", "maximum", "minLength", "maxLength")


@dataclass
class Findings:
    """What a body and its description disagree on; paths are dotted, `[]` for any element of an array."""

    violations: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Operation:
    """One method of one path of one version."""

    version: str
    identifier: str
    description: Mapping[str, Json]

    @property
    def body_schema(self) -> Json | None:
        """The schema of the body that it takes; None where it takes none."""
        found = (p.get("schema") for p in self.description.get("parameters", ()) if p.get("in") == "body")
        return next(found, None)

    def example(self, status: int) -> Json | None:
        """The body that the first example on disk answers with under `status`."""
        for reference in self.description.get("x-ms-examples", {}).values():
            path = Path(reference["$ref"].partition("#")[0])
            if path.is_file():
                return read(path)["responses"].get(str(status), {}).get("body")
        return None


class Specs:
    """The descriptions below a folder; providers that it does not hold are unknown, which is no mistake."""

    def __init__(self, folder: Path) -> None:
        self._versions: dict[str, dict[str, list[Path]]] = {}
        for file in sorted(folder.resolve().rglob("stable/*/*.json")):
            # Some services have a folder of their own between their provider's and `stable`.
            above = [parent.name.lower() for parent in file.parents]
            provider = next((name for name in above if name.startswith("microsoft.")), above[2])
            self._versions.setdefault(provider, {}).setdefault(file.parent.name, []).append(file)

    def operation(self, method: str, path: str, version: str) -> Operation | None:
        """The operation of a request in the stable version nearest to the one it asks for."""
        found = re.findall(r"/providers/([^/]+)", path)
        versions = self._versions.get(found[-1].lower() if found else "", {})
        for name in sorted(versions, key=lambda name: abs(_day(name) - _day(version))):
            for pattern, description in _paths(tuple(versions[name])):
                if pattern.fullmatch(path) and method.lower() in description:
                    described = description[method.lower()]
                    return Operation(name, described["operationId"], described)
        return None

    def check(self, operation: Operation, body: Json) -> Findings:
        """Compare a body with what its operation takes."""
        findings = Findings()
        if (schema := operation.body_schema) is not None:
            for error in Draft4Validator(_resolve(schema, body, "", findings)).iter_errors(body):
                where = "".join("[]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
                findings.violations.append(f"{where.lstrip('.') or 'body'}: {error.message}")
        return findings

    def read_only(self, operation: Operation, body: Json) -> Json:
        """What the operation's example answers beside what a request may set, in `properties` and of `systemData`."""
        answer = operation.example(201) or operation.example(200)
        if not isinstance(answer, dict) or operation.body_schema is None:
            return {}
        outer = _flatten(operation.body_schema, body)["properties"]
        inner = _flatten(outer.get("properties", {}), body.get("properties"))["properties"]
        shown = {key: value for key, value in answer.get("properties", {}).items() if _is_read_only(inner.get(key))}
        return {"properties": shown, **{key: answer[key] for key in ("systemData",) if key in answer}}


@cache
def read(path: Path) -> Json:
    """A JSON file, read once, with its references made absolute."""
    return _absolute(json.loads(path.read_bytes()), path)


def _absolute(found: Json, path: Path) -> Json:
    if isinstance(found, list):
        return [_absolute(item, path) for item in found]
    if not isinstance(found, dict):
        return found
    made = {key: _absolute(value, path) for key, value in found.items()}
    if isinstance(reference := made.get("$ref"), str):
        name, _, pointer = reference.partition("#")
        made["$ref"] = f"{(path.parent / name).resolve() if name else path}#{pointer}"
    return made


def _is_read_only(schema: Json) -> bool:
    return isinstance(schema, dict) and bool(schema.get("readOnly"))


def _day(version: str) -> int:
    return date.fromisoformat(version[:10]).toordinal() if re.match(r"\d{4}-\d\d-\d\d", version) else 0


@cache
def _paths(files: tuple[Path, ...]) -> list[tuple[re.Pattern[str], Json]]:
    found = []
    for file in files:
        for path, description in read(file).get("paths", {}).items():
            pattern = "[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]*\}", path))
            found.append((re.compile(pattern, re.IGNORECASE), description))
    return found


def _target(reference: str) -> Json:
    """What a $ref points to; nothing is known of a file that is not there."""
    name, _, pointer = reference.partition("#")
    if not Path(name).is_file():
        return {}
    found = read(Path(name))
    for part in pointer.strip("/").split("/"):
        found = found[part]
    return found


def _children(base: str, value: str) -> Iterator[Json]:
    """The definitions beside `base` that inherit from it and say that they are its kind `value`."""
    definitions = read(Path(base.partition("#")[0])).get("definitions", {})

    def inherits(schema: Json) -> bool:
        parents = [parent.get("$ref", "") for parent in schema.get("allOf", ())]
        return base in parents or any(inherits(_target(parent)) for parent in parents if parent)

    for name, schema in definitions.items():
        if schema.get("x-ms-discriminator-value", name) == value and inherits(schema):
            yield schema


def _flatten(schema: Json, body: Json, *, as_child: bool = True) -> dict[str, Json]:
    """One schema with all that it takes over from others; of which kind an object is, the body itself says."""
    nullable, base = bool(schema.get("x-nullable")), ""
    while "$ref" in schema:
        base = schema["$ref"]
        schema = _target(base)
        nullable = nullable or bool(schema.get("x-nullable"))
    kind = schema.get("discriminator")
    if as_child and kind and base and isinstance(body, dict) and isinstance(body.get(kind), str):
        for child in _children(base, body[kind]):
            return {**_flatten(child, body, as_child=False), "nullable": nullable}
    properties: dict[str, Json] = {}
    required: list[str] = []
    # An object of which nothing is said, here or in a file that is not there, may hold anything.
    is_open = not ("properties" in schema or "additionalProperties" in schema or "allOf" in schema)
    for parent in schema.get("allOf", ()):
        flat = _flatten(parent, body, as_child=False)
        properties.update(flat["properties"])
        required += flat["required"]
        is_open = is_open or flat["open"]
    properties.update(schema.get("properties", {}))
    required += schema.get("required", [])
    members = {key: value for key, value in schema.items() if key != "allOf"}
    return {**members, "properties": properties, "required": required, "open": is_open, "nullable": nullable}


def _resolve(schema: Json, body: Json, where: str, findings: Findings) -> dict[str, Json]:
    """A JSON schema (draft 4) of exactly what `body` holds; what the description does not know goes into `findings`."""
    flat = _flatten(schema, body)
    if body is None and flat["nullable"]:
        return {}
    kept = {key: flat[key] for key in _KEPT if key in flat}
    if "enum" in flat and body not in flat["enum"]:
        if flat.get("x-ms-enum", {}).get("modelAsString"):
            findings.unknown.append(f"{where}={body}")
        else:
            kept["enum"] = flat["enum"]
    if isinstance(body, list):
        kept["items"] = [_resolve(flat.get("items", {}), item, f"{where}[]", findings) for item in body]
    if isinstance(body, dict):
        required = sorted({name for name in flat["required"] if not _is_read_only(flat["properties"].get(name))})
        kept |= {"required": required} if required else {}
        kept["properties"] = {}
        for name, value in body.items():
            inner = flat["properties"].get(name, flat.get("additionalProperties"))
            place = f"{where}.{name}".lstrip(".")
            if isinstance(inner, dict):
                kept["properties"][name] = _resolve(inner, value, place, findings)
            elif inner is not True and not flat["open"]:
                findings.unknown.append(place)
    return kept
