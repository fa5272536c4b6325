"""Target `local`: a server on this machine that outlives the terminal, with a log and a port of its own.

A new version is first started on a spare port and asked for a caption. Only then the one that serves is stopped, once
its requests have their answers, and the new one started on the same port, so that the URL stays; between the two,
requests are refused for as long as a server needs to start. Where the new one fails there after all, the old one is
started again. After a reboot the same `deploy` starts what was there.

Below the state folder: `record.json` is the last launch that gave a caption, `run/` the server, `trial/` a version on
trial, `bundles/` the models, `jobs/` their long requests, `key` a key of the deployment's own, `picture.jpg`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mezzetin.bundle import Bundle, publish
from mezzetin.deployment.base import Answered, Deployment, Report, Step, Wanted
from mezzetin.deployment.keeper import ENDED, PROCESS
from mezzetin.deployment.launching import (
    LocalSettings,
    check_port,
    command_line,
    free_port,
    is_ready,
    launch_of,
    model_folder,
    moved,
    reached_at,
    trust,
    url_of,
)
from mezzetin.deployment.naming import check_name, state_folder
from mezzetin.deployment.passkey import KEY, drop_key, own_key
from mezzetin.deployment.process import Launch, Run
from mezzetin.deployment.smoke import Endpoint, curl_line, photograph, smoke_test
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing


class LocalTarget:
    """Servers on this machine; see `mezzetin.deployment.base.Target`."""

    name = "local"

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings

    def plan(self, wanted: Wanted) -> Sequence[Step]:
        """See Target."""
        check_name(wanted.name)
        folder = self._folder(wanted.name)
        launch = launch_of(wanted, self._settings, folder, self._known_port(folder))
        steps = [
            Step("copy the model", "write", str(model_folder(folder, wanted.bundle))),
            Step("keep the picture of the smoke test", "write", str(folder / "picture.jpg")),
        ]
        if self._settings.keys is not None:
            steps.append(Step("make a key for the smoke test", "write", str(folder / KEY)))
        if Run(folder / "run").alive():
            trial = command_line(moved(launch, 0, folder / "trial"))
            steps.append(Step("try the new version on a spare port", "run", trial))
            steps.append(Step("stop the old version", "run", f"kill -TERM (see {folder / 'run' / PROCESS})"))
        steps.append(Step("start the server", "run", command_line(launch)))
        steps.append(Step("ask for a caption", "POST", f"{url_of(launch)}/score"))
        return steps

    def deploy(self, wanted: Wanted, report: Report) -> Answered:
        """See Target."""
        check_name(wanted.name)
        if wanted.image is not None:
            raise InputError("target local runs the installed package: leave --image out, or use compose.yaml")
        self._check_files()
        folder = self._folder(wanted.name)
        with self._changing(folder):
            self._keep(folder, wanted.bundle, report)
            launch = launch_of(
                wanted, self._settings, folder, self._known_port(folder) or free_port(self._settings.host)
            )
            run = Run(folder / "run")
            Run(folder / "trial").stop(0.0)
            serving = run.launch if run.alive() else None
            if serving is None or serving.port != launch.port:
                check_port(launch)
            if serving is not None and not launch.like(serving):
                self._try(folder, launch, report)
            caption, seconds = self._switched(folder, run, serving, launch, report)
            launch.write(folder / "record.json")
            self._clear(folder, launch)
        return Answered(self._deployment(folder), caption, seconds, self._key(folder))

    def deployments(self) -> Sequence[Deployment]:
        """See Target."""
        base = state_folder(self.name)
        found = sorted(path for path in base.glob("*") if (path / "run").is_dir())
        return [self._deployment(folder) for folder in found]

    def undeploy(self, name: str) -> None:
        """See Target."""
        check_name(name)
        folder = self._folder(name)
        if not folder.is_dir():
            raise InputError(f"there is no local deployment {name}: `mezzetin deployments local` lists them")
        with self._changing(folder):
            run = Run(folder / "run")
            Run(folder / "trial").stop(0.0)
            run.stop(self._settings.drain)
            launch = run.launch
            if launch is not None and launch.keys is not None:
                drop_key(Path(launch.keys), name)
            with writing(folder):
                shutil.rmtree(folder)

    def _folder(self, name: str) -> Path:
        return state_folder(self.name) / name

    def _check_files(self) -> None:
        chosen = self._settings
        for path in (chosen.keys, chosen.tls_certificate, chosen.tls_key, chosen.external_settings):
            if path is not None and not path.is_file():
                raise InputError(f"there is no file {path}: correct the settings of target local")

    @contextmanager
    def _changing(self, folder: Path) -> Iterator[None]:
        """One change at a time; the lock lies beside the folder, which undeploy removes."""
        with writing(folder):
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder.with_name(f".{folder.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise EnvironmentProblem(
                f"{folder.name} is being changed by another command: wait until it ends"
            ) from error
        finally:
            os.close(lock)

    def _known_port(self, folder: Path) -> int:
        """The port that was asked for or given before; 0 where there is none."""
        if self._settings.port:
            return self._settings.port
        known = Launch.read(folder / "record.json") or Run(folder / "run").launch
        return known.port if known is not None else 0

    def _keep(self, folder: Path, bundle: Bundle, report: Report) -> None:
        """Copy the bundle and draw the picture; what is there already stays."""
        report(Progress("copy the model", 0, 1))
        target = model_folder(folder, bundle)
        with writing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(folder / "picture.jpg", photograph())
        if not (target / "bundle.json").exists():
            publish(bundle, target, {})
        if self._settings.keys is not None:
            own_key(self._settings.keys, folder.name, folder)
        report(Progress("copy the model", 1, 1))

    def _try(self, folder: Path, launch: Launch, report: Report) -> None:
        """Let the new version caption a picture beside the old one."""
        report(Progress("try the new version", 0, 1))
        trial = Run(folder / "trial")
        trial.start(moved(launch, free_port(launch.host), folder / "trial"))
        try:
            self._ask(folder, trial, report)
        except EnvironmentProblem as error:
            raise EnvironmentProblem(f"the version before goes on serving: {error}") from error
        finally:
            trial.stop(self._settings.drain)

    def _switched(
        self, folder: Path, run: Run, serving: Launch | None, launch: Launch, report: Report
    ) -> tuple[str, float]:
        """The wanted server in place of the one that serves, or that one again."""
        if not launch.like(serving):
            report(Progress("start the server", 0, 1))
            run.stop(self._settings.drain)
            run.start(launch)
        try:
            return self._ask(folder, run, report)
        except EnvironmentProblem as error:
            if launch.like(serving):
                raise
            # What gives no caption is not left to pass for an endpoint; its log stays.
            run.stop(0.0)
            proven = Launch.read(folder / "record.json")
            if proven is None or launch.like(proven):
                raise
            run.start(proven)
            self._ask(folder, run, report)
            raise EnvironmentProblem(f"the version before serves again: {error}") from error

    def _ask(self, folder: Path, run: Run, report: Report) -> tuple[str, float]:
        launch = run.launch
        if launch is None:
            raise EnvironmentProblem(f"{run.folder} holds no launch: undeploy and deploy again")
        key = self._key(folder)
        headers = {"X-Api-Key": key} if key is not None and launch.keys is not None else {}
        endpoint = Endpoint(reached_at(launch), headers, trust(launch))
        return smoke_test(endpoint, wait=self._settings.wait, report=report, look=run.why_dead)

    def _key(self, folder: Path) -> str | None:
        kept = folder / KEY
        return kept.read_text(encoding="ascii").strip() if kept.is_file() else None

    def _clear(self, folder: Path, launch: Launch) -> None:
        """Remove what only versions before needed."""
        with writing(folder):
            for path in (folder / "bundles").iterdir():
                if path.name != launch.digest[:16]:
                    shutil.rmtree(path)
            shutil.rmtree(folder / "trial", ignore_errors=True)

    def _deployment(self, folder: Path) -> Deployment:
        run = Run(folder / "run")
        launch, process = run.launch, run.facts(PROCESS)
        details = {"log": str(run.log), "folder": str(folder)}
        if not run.alive():
            details |= {"last line": run.last_line(), "ended": str(run.facts(ENDED).get("ended", "not known"))}
        else:
            details |= {"pid": str(process.get("server", "")), "started": str(process.get("started", ""))}
        if launch is None:
            return Deployment(folder.name, self.name, "", "", "failed", None, details=details)
        state = ("serving" if is_ready(launch) else "starting") if run.alive() else "failed"
        kept = folder / KEY
        trust = f"--cacert {launch.certificate} " if launch.certificate is not None else ""
        curl = curl_line(url_of(launch), str(folder / "picture.jpg"), key=f"$(cat {kept})" if launch.keys else "")
        details["curl"] = curl.replace("curl ", f"curl {trust}", 1)
        how = f"cat {kept}, or make others: mezzetin keys add NAME --keys {launch.keys}" if launch.keys else ""
        return Deployment(
            folder.name,
            self.name,
            launch.model,
            launch.digest,
            state,
            url_of(launch),
            how_to_get_key=how,
            details=details,
        )
