"""This machine: versions, what captioning loads, extras, GPU, Java, room.

Enters: nothing. Leaves: findings. What is heavy or may be broken is loaded in a process of its own, so that a library
which crashes is a finding and torch is never loaded here.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from mezzetin import __version__
from mezzetin.checkup.findings import Finding, Tell
from mezzetin.storage.cache import cache_folder
from mezzetin.storage.copying.report import size

_MACHINE = "this machine"
_ONNX = "import onnxruntime as o; print(o.__version__, 'with', ', '.join(o.get_available_providers()))"
_VIPS = "import pyvips as v; print(v.__version__, 'over libvips', '.'.join(str(v.version(n)) for n in range(3)))"
_TORCH = (
    "import torch as t; print('usable' if t.cuda.is_available() else 'not usable', 'by torch', t.__version__, "
    "'built for CUDA', t.version.cuda or 'never')"
)
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[\w,\s.-]+)\])?[^;]*")
_AT_LEAST = re.compile(r">=\s*([\d.]+)")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")
_LITTLE_ROOM = 5e9
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def software(tell: Tell) -> None:
    """Versions."""
    tell(Finding(_MACHINE, "Mezzetin", "ok", __version__))
    tell(Finding(_MACHINE, "Python", "ok", f"{platform.python_version()}, {sys.executable}"))
    tell(Finding(_MACHINE, "platform", "ok", platform.platform()))


def captioning(tell: Tell) -> None:
    """The two libraries that captioning can't do without."""
    for name, code in (("ONNX Runtime", _ONNX), ("pictures", _VIPS)):
        said = _asked([sys.executable, "-c", code], 60)
        if said is None:
            advice = "pip install --force-reinstall onnxruntime pyvips pyvips-binary"
            tell(Finding(_MACHINE, name, "no", "does not load, so that nothing can be captioned", advice))
        else:
            tell(Finding(_MACHINE, name, "ok", f"{'pyvips ' if code is _VIPS else ''}{said}"))


def gpu(tell: Tell) -> None:
    """NVIDIA's GPUs, and whether the torch that is installed can use them."""
    program = shutil.which("nvidia-smi")
    said = _asked([program, "--query-gpu=name,memory.total", "--format=csv,noheader"], 20) if program else None
    if not said:
        tell(Finding(_MACHINE, "GPU", "note", "none of NVIDIA's: training and captioning run on the processor"))
        return
    tell(Finding(_MACHINE, "GPU", "ok", said))
    try:
        version("torch")
    except PackageNotFoundError:
        return
    usable = _asked([sys.executable, "-c", _TORCH], 60)
    tell(Finding(_MACHINE, "GPU in training", "note", usable or "torch does not load: pip install 'mezzetin[train]'"))


def java(tell: Tell) -> None:
    """Java, which METEOR alone needs."""
    program = shutil.which("java")
    said = _asked([program, "-version"], 20) if program else None
    if said:
        tell(Finding(_MACHINE, "Java", "ok", said.splitlines()[0]))
    else:
        tell(Finding(_MACHINE, "Java", "note", "not here: evaluate leaves METEOR out", "install a Java runtime for it"))


def resources(tell: Tell) -> None:
    """Cores, memory and room for the cache."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    tell(Finding(_MACHINE, "cores", "ok", f"{cores}"))
    tell(Finding(_MACHINE, "memory", "ok", size(_memory())))
    folder = cache_folder("")
    free = shutil.disk_usage(folder).free
    advice = "set MEZZETIN_CACHE to a folder on a larger disk" if free < _LITTLE_ROOM else ""
    tell(Finding(_MACHINE, "cache", "note" if advice else "ok", f"{size(free)} free in {folder}", advice))


def extras(tell: Tell) -> None:
    """Each extra of this package, installed or with the line that installs it."""
    try:
        facts = metadata("mezzetin")
    except PackageNotFoundError:
        tell(Finding("extras", "extras", "note", "unknown: Mezzetin was not installed by pip"))
        return
    requirements = facts.get_all("Requires-Dist") or []
    for extra in facts.get_all("Provides-Extra") or []:
        lacking = list(_lacking(extra, requirements))
        if lacking:
            says = f"lacks {', '.join(lacking)}"
            tell(Finding("extras", extra, "note", says, f"pip install 'mezzetin[{extra}]'"))
        else:
            tell(Finding("extras", extra, "ok", "installed"))


def _lacking(extra: str, requirements: Iterable[str]) -> Iterator[str]:
    """What an extra names that is not here or too old; an extra that is made of others lacks what these lack."""
    for text in requirements:
        wanted, found = _EXTRA.search(text), _REQUIREMENT.match(text)
        if wanted is None or wanted[1] != extra or found is None:
            continue
        if found["name"] == "mezzetin":
            for part in (found["extras"] or "").split(","):
                yield from _lacking(part.strip(), requirements)
            continue
        least = _AT_LEAST.search(found[0])
        try:
            here = version(found["name"])
        except PackageNotFoundError:
            yield found["name"]
        else:
            if least and _numbers(here) < _numbers(least[1]):
                yield f"{found['name']} {here}, needed is {least[1]}"


def _numbers(text: str) -> tuple[int, ...]:
    """The release of a version: `2.8.0+cpu` is (2, 8), with trailing noughts left out to compare."""
    release = re.match(r"\d+(\.\d+)*", text)
    parts = [int(part) for part in release[0].split(".")] if release else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _memory() -> int:
    """Bytes of memory that this process may use: the machine's, or what its container is held to."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _MEMORY_LIMITS:
        try:
            text = Path(limit).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            found = min(found, int(text))
    return found


def _asked(command: list[str], seconds: float) -> str | None:
    """What a program says of itself, on either stream; None where it fails or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603 - no part of the command comes from a user
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
