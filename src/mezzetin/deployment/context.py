"""The build context of the image: the Dockerfile, a wheel of the package that is installed here, and a bundle.

Enters: a bundle. Leaves: a tar archive whose digest depends on what is in it alone, so that the same content is the
same image.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import mezzetin
from mezzetin.bundle import MANIFEST, Bundle
from mezzetin.errors import EnvironmentProblem
from mezzetin.storage.files import file_sha256

_DOCKERFILE = Path(__file__).with_name("Dockerfile")
_LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache"}
#: The earliest date that a zip archive can hold.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_METADATA = ("METADATA", "WHEEL", "entry_points.txt")


def context_files(bundle: Bundle) -> dict[str, Path | bytes]:
    """What the context holds, by name."""
    names = [*(entry["name"] for entry in bundle.manifest["files"]), MANIFEST]
    return {
        "Dockerfile": _DOCKERFILE,
        f"mezzetin-{mezzetin.__version__}-py3-none-any.whl": installed_wheel(),
        **{f"bundle/{name}": bundle.folder / name for name in sorted(names)},
    }


def digest_of(files: Mapping[str, Path | bytes]) -> str:
    """The digest of names and contents, hex."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        own = file_sha256(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()
        digest.update(f"{name}\0{own}\n".encode())
    return digest.hexdigest()


def pack(files: Mapping[str, Path | bytes], target: Path) -> None:
    """Write the context as a gzipped tar archive."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.mode = 0o644
            if isinstance(content, bytes):
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
                continue
            entry.size = content.stat().st_size
            with content.open("rb") as stream:
                archive.addfile(entry, stream)


@lru_cache(maxsize=1)
def installed_wheel() -> bytes:
    """The installed package as a wheel (the binary distribution format of PEP 427), an editable one included.

    Raises:
        EnvironmentProblem: the package runs from a folder without being installed.

    """
    found = _distribution()
    info = f"mezzetin-{mezzetin.__version__}.dist-info"
    package = Path(__file__).parents[1]
    parts = {
        f"mezzetin/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and not _LEFT_OUT & set(path.parts)
    }
    for name in _METADATA:
        if (text := found.read_text(name)) is not None:
            parts[f"{info}/{name}"] = text.encode()
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for name, content in parts.items():
        own = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode("ascii")
        rows.writerow((name, f"sha256={own}", len(content)))
    rows.writerow((f"{info}/RECORD", "", ""))
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*parts.items(), (f"{info}/RECORD", record.getvalue().encode())]:
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return wheel.getvalue()


def _distribution() -> Distribution:
    try:
        return distribution("mezzetin")
    except PackageNotFoundError as error:
        raise EnvironmentProblem("an image is built from the installed package: pip install mezzetin first") from error
