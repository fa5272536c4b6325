"""What a sweep remembers: `sweep.db`, an Optuna study in SQLite, one process at a time.

Enters: ranges as Optuna's distributions, scores. Leaves: the values of the next trial, and what became of all. Killed
at any moment, the next process finds a trial that was under way and goes on with it. The values of a trial are a pure
function of the seed, its number and the trials before it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from mezzetin.errors import EnvironmentProblem, RecipeError
from mezzetin.training.model import step_seed
from mezzetin.training.sweep.trial import State, Trial

DATABASE = "sweep.db"
BEFORE_PRUNING = 5
"""Complete trials that there must be before another is compared with them."""
EPOCHS_UNPRUNED = 2
STAGE = 10_000
"""Epochs are counted on from stage to stage: those of stage n begin at n times this."""
_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "unfinished",
    TrialState.WAITING: "unfinished",
}


class Pruned(Exception):
    """A trial is worse than the median of those before it at the same epoch."""


class Ledger:
    """The trials of one search or one curve; `folder` holds the database."""

    def __init__(self, folder: Path, name: str, seed: int = 0) -> None:
        self.folder, self.name, self.seed = folder, name, seed
        _try(folder / DATABASE)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._connections: list[sqlite3.Connection] = []
        with ExitStack() as held, self._writing():
            held.callback(self._disconnect)
            self._storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs={"creator": self._connected})
            held.callback(self._storage.engine.dispose)
            held.callback(self._storage.remove_session)
            self._study = optuna.create_study(
                storage=self._storage, study_name=name, direction="maximize", load_if_exists=True
            )
            self._id = self._storage.get_study_id_from_name(name)
            self._held = held.pop_all()

    def _connected(self) -> sqlite3.Connection:
        # By hand: an address would not survive every name that a folder may have.
        self._connections.append(sqlite3.connect(self.folder / DATABASE, timeout=60))
        return self._connections[-1]

    def _disconnect(self) -> None:
        for connection in self._connections:
            connection.close()

    def claim(self, told: Mapping[str, Any]) -> None:
        """Make the study that of these facts.

        Raises:
            RecipeError: it is of others; its message names the first fact that differs.

        """
        with self._writing():
            known = self._study.user_attrs.get("of")
            if known is None:
                self._study.set_user_attr("of", dict(told))
                return
        other = [name for name, fact in told.items() if known.get(name) != fact]
        if other:
            raise RecipeError(
                f"{self.folder} holds a {self.name} with another {other[0]}: name another folder, or remove this one"
            )

    def begin(self, ranges: Mapping[str, BaseDistribution], given: Mapping[str, Any] | None = None) -> Attempt:
        """The trial that was under way, or the next one, with `given` values if there are any."""
        with self._writing():
            running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            if running:
                ident = self._storage.get_trial_id_from_study_id_trial_number(self._id, running[0].number)
                trial = optuna.Trial(self._study, ident)
            else:
                waiting = self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
                if given is not None and not waiting:
                    self._study.enqueue_trial(dict(given))
                trial = self._study.ask()
            self._seed(trial.number)
            values = {key: self._value(trial, key, found) for key, found in ranges.items()}
        return Attempt(self, trial, values)

    def _value(self, trial: optuna.Trial, key: str, found: BaseDistribution) -> Any:
        # What was not drawn for all keys at once is drawn one by one, each with a seed of its own: a process that goes
        # on draws what the one before it would have drawn.
        if key not in trial.relative_params:
            self._seed(trial.number, key)
        if isinstance(found, CategoricalDistribution):
            return trial.suggest_categorical(key, found.choices)
        if isinstance(found, IntDistribution):
            return trial.suggest_int(key, found.low, found.high, step=found.step, log=found.log)
        assert isinstance(found, FloatDistribution)  # noqa: S101 - there are no others
        return trial.suggest_float(key, found.low, found.high, log=found.log)

    def _seed(self, *place: int | str) -> None:
        self._study.sampler = optuna.samplers.TPESampler(seed=step_seed("sweep", self.seed, *place) % 2**32)

    def trials(self) -> list[Trial]:
        """All trials by their numbers."""
        with self._writing():
            return [_told(trial) for trial in self._study.get_trials(deepcopy=False)]

    @property
    def study(self) -> optuna.Study:
        """Optuna's own view."""
        return self._study

    def close(self) -> None:
        """Let go of the database."""
        self._held.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (StorageInternalError, SQLAlchemyError) as error:
            raise _refused(self.folder / DATABASE, error.__cause__ or error) from error


class Attempt:
    """A trial under way."""

    def __init__(self, ledger: Ledger, trial: optuna.Trial, values: dict[str, Any]) -> None:
        self._ledger, self._trial, self.values = ledger, trial, values
        self.number = trial.number

    def report(self, stage: int, epoch: int, score: float, *, prune: bool) -> None:
        """Note an epoch's score, once.

        Raises:
            Pruned: the trial is not worth going on with.

        """
        step = stage * STAGE + epoch
        with self._ledger._writing():
            known = self._ledger.study.get_trials(deepcopy=False)[self.number].intermediate_values
            if step not in known:
                self._trial.report(score, step)
            self._ledger.study.pruner = optuna.pruners.MedianPruner(
                n_startup_trials=BEFORE_PRUNING, n_warmup_steps=EPOCHS_UNPRUNED
            )
            worse = prune and self._trial.should_prune()
        if worse:
            raise Pruned

    def best(self, stage: int) -> float:
        """The best score that an epoch of this stage had."""
        with self._ledger._writing():
            known = self._ledger.study.get_trials(deepcopy=False)[self.number].intermediate_values
        return max(score for step, score in known.items() if step // STAGE == stage)

    def end(self, state: State, score: float | None = None, **facts: Any) -> None:
        """Note what became of it; `facts` as in `Trial`."""
        with self._ledger._writing():
            for name, fact in facts.items():
                self._trial.set_user_attr(name, fact)
            ended = next(ours for ours, name in _STATES.items() if name == state)
            self._ledger.study.tell(self.number, score, state=ended)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder against other sweeps, without leaving a file in it; a kill lets go.

    Raises:
        RecipeError: another process holds it.

    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise RecipeError(f"another sweep is at work in {folder}: wait for it, or name another folder") from error
    finally:
        os.close(descriptor)


def _told(trial: FrozenTrial) -> Trial:
    scores = trial.intermediate_values
    score = trial.value if trial.state == TrialState.COMPLETE else max(scores.values(), default=None)
    return Trial(trial.number, _STATES[trial.state], score, dict(trial.params), **trial.user_attrs)


def _try(database: Path) -> None:
    """See that the database can be read and written before Optuna does.

    Raises:
        RecipeError: the file is something else.
        EnvironmentProblem: the disk is full or read-only.

    """
    try:
        connection = sqlite3.connect(database, timeout=60)
    except sqlite3.Error as error:
        raise _refused(database, error) from error
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("SELECT count(*) FROM sqlite_master")
        connection.rollback()
    except sqlite3.OperationalError as error:
        raise _refused(database, error) from error
    except sqlite3.DatabaseError as error:
        raise RecipeError(f"{database} is no sweep's: name another folder") from error
    finally:
        connection.close()


def _refused(database: Path, error: BaseException) -> EnvironmentProblem:
    reason = " ".join(str(error).split("\n")[0].split())
    return EnvironmentProblem(f"{database} can't be written ({reason}): make room there and run the same command again")
