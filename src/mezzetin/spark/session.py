"""Sessions: Spark as this package needs it, and its failures in one line.

Enters: what a person wrote behind `--spark`. Leaves: a session, quiet, with tasks that are tried again, and its
Python workers on the interpreter that runs here. A session that is there already is used as it is and left open.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from mezzetin.errors import EnvironmentProblem, InputError, MezzetinError, MissingExtra
from mezzetin.storage.cache import cache_folder

DATABRICKS = "databricks"
BATCH_ROWS = 64
_TRIES = 4
_LOCAL = re.compile(r"local(?:\[(?P<threads>\*|\d+)(?:,(?P<tries>\d+))?\])?")
_MASTER = re.compile(r"local.*|local-cluster\[\d+,\d+,\d+\]|spark://.+|k8s://.+|yarn|sc://.+")
_QUIET = """rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
"""


@contextmanager
def opened(master: str, settings: Mapping[str, str] | None = None) -> Iterator[Any]:
    """A session of the Spark that `master` names: local, local[N], a cluster's URL, or `databricks`.

    `local[2]` becomes `local[2,4]`: a plain one never tries a task again. `settings` are Spark's own, by name. A
    session that runs here already is used, whatever its master, and stays open.

    Raises:
        InputError: no Spark is named like that.
        MissingExtra: `mezzetin[spark]` is not installed.
        EnvironmentProblem: there is no Java, or the cluster does not answer.

    """
    there = active()
    if there is not None:
        yield there
        return
    if master == DATABRICKS:
        yield _databricks()
        return
    session = _started(checked(master), dict(settings or {}))
    try:
        yield session
    finally:
        # A Java that has gone has nothing left to stop.
        with suppress(*spark_errors()):
            session.stop()


def active() -> Any | None:
    """The session that runs in this process, as in a notebook or a job of Databricks; None where there is none."""
    if "pyspark" not in sys.modules and "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        return None
    return _spark().getActiveSession()


def checked(master: str) -> str:
    """The master as Spark takes it.

    Raises:
        InputError: it is none.

    """
    local = _LOCAL.fullmatch(master)
    if local is not None:
        return f"local[{local['threads'] or '*'},{local['tries'] or _TRIES}]"
    if not _MASTER.fullmatch(master):
        raise InputError(
            f"--spark {master} names no Spark: write local, local[4], a cluster's address (spark://HOST:7077) or "
            "databricks"
        )
    return master


def _spark() -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingExtra("spark", "--spark") from error
    return SparkSession


def spark_errors() -> tuple[type[BaseException], ...]:
    """What Spark and its bridge to Java raise."""
    from pyspark.errors import PySparkException

    bridge: type[BaseException] = import_module("py4j.protocol").Py4JError
    return (PySparkException, bridge, OSError)


def _databricks() -> Any:
    """The session of the workspace: that of the cluster one runs on, or of databricks-connect."""
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        return _spark().builder.getOrCreate()
    try:
        connect = import_module("databricks.connect")
    except ImportError as error:
        raise EnvironmentProblem(
            "--spark databricks needs a cluster of Databricks to run on (a notebook or a job), or databricks-connect: "
            "pip install databricks-connect"
        ) from error
    return connect.DatabricksSession.builder.getOrCreate()


def _started(master: str, settings: dict[str, str]) -> Any:
    builder = _spark().builder
    if master.startswith("sc://"):
        return builder.remote(master).getOrCreate()
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise EnvironmentProblem("Spark needs Java 17, and there is none here: install it, or set JAVA_HOME")
    log = cache_folder("spark") / f"spark-{os.getpid()}.log"
    wanted = _settings(master, log) | settings
    builder = builder.master(master).appName("mezzetin")
    for name, value in wanted.items():
        builder = builder.config(name, value)
    if master.startswith("local"):
        # The workers are to be this very interpreter, and nothing is to listen beyond this machine.
        os.environ.update(PYSPARK_PYTHON=sys.executable, PYSPARK_DRIVER_PYTHON=sys.executable)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ.setdefault("SPARK_WORKER_DIR", str(log.parent / "executors"))
    try:
        with _noise_to(log):
            session = builder.getOrCreate()
            session.sparkContext.setLogLevel("WARN")
    except spark_errors() as error:
        raise EnvironmentProblem(f"Spark could not be started at {master} ({first_line(error)}): see {log}") from error
    return session


def _settings(master: str, log: Path) -> dict[str, str]:
    quiet = log.with_name("log4j2.properties")
    quiet.write_text(_QUIET, encoding="utf-8")
    wanted = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={quiet.as_uri()}",
        "spark.executorEnv.OMP_NUM_THREADS": "1",
        # A lost executor and a killed worker are to cost their partitions alone.
        "spark.task.maxFailures": str(_TRIES),
    }
    if master.startswith("local"):
        wanted |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return wanted


@contextmanager
def _noise_to(log: Path) -> Iterator[None]:
    """Give a Java that starts meanwhile a file for its words, which are many and nobody's who captions pictures."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [(number, os.dup(number)) for number in (1, 2)]
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for number, _ in kept:
            os.dup2(target, number)
        yield
    finally:
        os.close(target)
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)


_OURS = re.compile(r"mezzetin\.errors\.(?P<kind>\w+): (?P<text>[^\n]+)")


def failure(error: BaseException) -> MezzetinError:
    """What ended a job, as one of our own exceptions: that of the executor's where it is one of ours."""
    import mezzetin.errors as errors

    told = str(error)
    ours = _OURS.search(told)
    if ours is not None:
        kind = getattr(errors, ours["kind"], EnvironmentProblem)
        plain = isinstance(kind, type) and issubclass(kind, MezzetinError) and kind.__init__ is Exception.__init__
        return (kind if plain else EnvironmentProblem)(ours["text"].strip())
    if "No module named 'mezzetin" in told:
        return EnvironmentProblem(
            "the executors have no mezzetin: install it on the cluster (docs/spark.md) and run the same command again"
        )
    return EnvironmentProblem(f"the Spark job ended ({first_line(error)}): run the same command again, it goes on")


def first_line(error: BaseException) -> str:
    """The line of an exception that says most: Spark's own texts are pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    found = (telling or lines or [type(error).__name__])[0]
    return found if len(found) <= 200 else f"{found[:197]}…"
