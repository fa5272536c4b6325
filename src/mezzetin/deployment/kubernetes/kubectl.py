"""The program kubectl: arguments in, its output out, its complaint as one line."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mezzetin.errors import EnvironmentProblem

_FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_LONGEST = 300


class Kubectl:
    """kubectl for one cluster and namespace; what it asks is what a person with the same kubeconfig may ask."""

    def __init__(self, program: str, kubeconfig: Path | None, context: str | None, namespace: str) -> None:
        self._program, self.namespace = program, namespace
        self._cluster = [
            *([] if kubeconfig is None else ["--kubeconfig", str(kubeconfig)]),
            *([] if context is None else ["--context", context]),
            "--namespace",
            namespace,
        ]

    def line(self, arguments: Sequence[str]) -> list[str]:
        """The whole command line that asks the cluster."""
        return [self._program, *self._cluster, *arguments]

    def run(self, arguments: Sequence[str], given: str | None = None, *, local: bool = False) -> str:
        """What kubectl prints; `given` is its standard input, `local` says that no cluster is asked.

        Raises:
            EnvironmentProblem: there is no such program, or it failed; the text is its own complaint.

        """
        command = [self._program, *arguments] if local else self.line(arguments)
        try:
            # The command line is made here, and its input is a pipe.
            done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)  # noqa: S603
        except OSError as error:
            raise EnvironmentProblem(
                f"{self._program} can't be run ({error.strerror}): install kubectl, or name it in the setting kubectl"
            ) from error
        if done.returncode:
            said = " ".join(done.stderr.split())[:_LONGEST]
            raise EnvironmentProblem(f"kubectl {arguments[0]} failed: {said or 'it does not say why'}")
        return done.stdout

    def get(self, kind: str, *which: str) -> dict[str, Any] | None:
        """An object or a list of objects; None where a named one is not there."""
        found = self.run(["get", kind, *which, "--ignore-not-found", "--output", "json"])
        answer: dict[str, Any] | None = json.loads(found) if found.strip() else None
        return answer

    @contextmanager
    def forwarded(self, service: str) -> Iterator[str]:
        """The address on this machine that leads to a service as long as the block lasts."""
        command = self.line(["port-forward", f"service/{service}", ":80", "--address", "127.0.0.1"])
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
        try:
            first = process.stdout.readline() if process.stdout is not None else ""
            match = _FORWARDED.search(first)
            if match is None:
                raise EnvironmentProblem(f"kubectl port-forward failed: {first.strip() or 'it does not say why'}")
            yield f"http://127.0.0.1:{match[1]}"
        finally:
            process.terminate()
            process.communicate()
