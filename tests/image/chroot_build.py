"""A Dockerfile's steps carried out in chroots, for machines without a container engine; Linux and root only.

Enters: the Dockerfile, a build context, and the root file system that stands for its base image. Leaves: the last
stage's root file system and settings, and the command line that runs its service as a container would: as its own
user, without capabilities or a way to gain any, on a read-only root with memory for /tmp and its volumes.

    python -m tests.image.chroot_build CONTEXT WORK     builds, and prints the sizes

The base is made by debootstrap: Debian's official image is made of the same packages, less documentation.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.image.dockerfile import DOCKERFILE, Instruction, filled, instructions, pairs, stages

SUITE = "trixie"
#: What Debian's slim images leave out of every package.
_SLIM = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
#: How this machine reaches its package registries: no part of the image, as a builder's network is none.
_BUILDERS = {"PIP_CERT": "/run/builder.crt", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}


@dataclass
class Image:
    """A root file system and what the Dockerfile says of running it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    volumes: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files, as `docker images` counts them, each hard link once."""
        done = subprocess.run(["du", "-sx", "--block-size=1", "--apparent-size", self.root], capture_output=True)
        return int(done.stdout.split()[0])

    def running(self, command: Sequence[str], mounts: Mapping[Path, str] = {}) -> list[str]:
        """The command line that runs `command` inside; `mounts` are folders of this machine, read-only inside."""
        root = self.root
        lines = [f"mount --bind {root} {root}", f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev"]
        for place, inside in mounts.items():
            lines += [f"mkdir -p {root}{inside}", f"mount --bind -o ro {place} {root}{inside}"]
        lines.append(f"mount -o remount,bind,ro {root}")
        uid, gid = self.user.split(":")
        lines += [f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp"]  # noqa: S108 - the container's own
        lines += [f"mount -t tmpfs -o mode=0700,uid={uid},gid={gid} tmpfs {root}{volume}" for volume in self.volumes]
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        dropped = (
            f"setpriv --reuid {uid} --regid {gid} --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all"
        )
        inner = shlex.join(["env", "-i", *variables, *command])
        lines.append(f"exec chroot {root} {dropped} sh -c {shlex.quote(f'cd {self.folder} && exec {inner}')}")
        # No network but its own loopback: what it needs of the outside would show.
        return [*_APART, "--net", "sh", "-ec", "\n".join(["ip link set lo up", *lines])]


def make_base(folder: Path) -> None:
    """Debian's minimal system, slimmed as its slim image is."""
    subprocess.run(["debootstrap", "--variant=minbase", SUITE, folder], check=True, capture_output=True)
    for path in _SLIM:
        shutil.rmtree(folder / path, ignore_errors=True)
    for left in (*folder.glob("var/cache/apt/archives/*.deb"), *folder.glob("var/lib/apt/lists/*_*")):
        left.unlink()
    slim = "".join(f"path-exclude=/{path}/*\n" for path in _SLIM)
    (folder / "etc/dpkg/dpkg.cfg.d/docker").write_text(slim)


def build(context: Path, base: Path, work: Path, arguments: Mapping[str, str] = {}) -> Image:
    """Carry out the Dockerfile below `work`; each FROM is a copy of `base`."""
    found = instructions(DOCKERFILE.read_text(encoding="utf-8"))
    built: dict[str, Image] = {}
    for number, stage in enumerate(stages(found)):
        name = stage[0].rest.partition(" AS ")[2] or str(number)
        image = Image(work / name)
        subprocess.run(["cp", "-a", "--reflink=auto", base, image.root], check=True)
        variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        for instruction in stage[1:]:
            _carry_out(instruction, image, variables, arguments, {"context": context} | _roots(built))
        built[name] = image
    return image


def _roots(built: Mapping[str, Image]) -> dict[str, Path]:
    return {name: image.root for name, image in built.items()}


def _carry_out(
    instruction: Instruction,
    image: Image,
    variables: dict[str, str],
    arguments: Mapping[str, str],
    sources: Mapping[str, Path],
) -> None:
    """One instruction; an unknown word is an error, so that none is passed over."""
    word, rest = instruction.word, instruction.rest
    match word:
        case "ARG":
            for name, value in pairs(rest).items():
                variables[name] = arguments.get(name, value)
        case "ENV":
            image.environment |= pairs(filled(rest, variables))
            variables |= image.environment
        case "LABEL":
            image.labels |= pairs(filled(rest, variables))
        case "RUN":
            _run(rest, image, variables)
        case "COPY":
            _copy(rest, image, sources)
        case "USER":
            image.user = rest
        case "WORKDIR":
            image.folder = rest
            (image.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "VOLUME":
            image.volumes += instruction.form or []
        case "ENTRYPOINT":
            image.entrypoint = instruction.form or []
        case "CMD":
            image.command = instruction.form or []
        case "HEALTHCHECK":
            image.health = instruction.form or []
        case "EXPOSE" | "STOPSIGNAL":
            pass
        case _:
            raise ValueError(f"{word} is not carried out here")


def _run(line: str, image: Image, variables: Mapping[str, str]) -> None:
    """A RUN line in the chroot, in name spaces of its own: what it mounts or starts ends with it."""
    root = image.root
    mounted = [
        f"mount -t proc proc {root}/proc",
        f"mount --rbind /dev {root}/dev",
        f"touch {root}/run/builder.crt",
        f"mount --bind -o ro {_CERTIFICATES} {root}/run/builder.crt",
        f"cp /etc/resolv.conf {root}/etc/resolv.conf",
        f"exec chroot {root} /bin/sh -c {shlex.quote(line)}",
    ]
    done = subprocess.run(
        [*_APART, "sh", "-ec", "\n".join(mounted)],
        env={**variables, **_BUILDERS, "HOME": "/root"},
        capture_output=True,
        text=True,
    )
    (root / "run/builder.crt").unlink(missing_ok=True)
    if done.returncode:
        raise RuntimeError(f"RUN {line[:60]}… failed: {(done.stdout + done.stderr)[-2000:]}")


def _copy(rest: str, image: Image, sources: Mapping[str, Path]) -> None:
    """COPY of a folder, from the context or another stage."""
    *options, source, target = rest.split()
    stage = next((option.partition("=")[2] for option in options if option.startswith("--from=")), "context")
    place, destination = sources[stage] / source.lstrip("/"), image.root / target.strip("/")
    shutil.copytree(place, destination, symlinks=True, dirs_exist_ok=True)


def main(context: Path, work: Path) -> None:
    """Build, and print what the image weighs as JSON, in bytes."""
    base = work / "base"
    if not base.is_dir():
        make_base(base)
    built = build(context, base, work)
    packages = Image(built.root / "opt/mezzetin").size
    print(json.dumps({"base": Image(base).size, "opt/mezzetin": packages, "image": built.size}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
