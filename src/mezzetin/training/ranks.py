"""The processes that train one model together: which of them this is, and what they tell each other.

`torchrun`, or Spark's TorchDistributor, starts them and says in the environment (RANK, WORLD_SIZE, MASTER_ADDR,
MASTER_PORT) who each is and where they meet. Enters: that environment. Leaves: a `Ranks`, which for a process on its
own is `ALONE`, where nothing here does anything. Rank 0 leads: it alone writes and tells.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast
from weakref import ref

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store

from mezzetin.errors import EnvironmentProblem, InputError, MezzetinError
from mezzetin.training.model import step_seed

STEP = timedelta(minutes=30)
"""A step may take so long, with a checkpoint between it and the one before."""
PATIENCE = timedelta(days=3)
"""What one rank does for all may: VGG16 looks at 100,000 pictures for a day."""
FAREWELL = 10.0
"""Seconds that a rank waits for the others before it ends in an error."""
LOST = "another process of this training has ended or is out of reach: start it again, it goes on where it was cut off"

Made = TypeVar("Made")


class _Lost(EnvironmentProblem):
    """The others can't be heard any more; they may have left a note that says why."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together: `rank` of `count`.

    Every method with a message in it must be called by all of them, in the same order. Each raises EnvironmentProblem
    when another rank has ended or is out of reach.
    """

    rank: int = 0
    count: int = 1
    # Weak: an error holds whoever it passed through, and the others hear of the end when the group is gone.
    patient: Callable[[], dist.ProcessGroup | None] = lambda: None

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """Which rows of a batch are this rank's; none where there are fewer rows than ranks."""
        return slice(rows * self.rank // self.count, rows * (self.rank + 1) // self.count)

    def seed(self, seed: int) -> int:
        """A seed of this rank's own: two ranks never drop out or sample alike."""
        return seed if self.leads else step_seed("rank", seed, self.rank)

    def led(self, work: Callable[[], Made]) -> Made:
        """Let rank 0 do it while the others wait; all have the result, which must be picklable."""
        if self.count == 1:
            return work()
        made: list[Any] = [work() if self.leads else None]
        with _heard():
            dist.broadcast_object_list(made, src=0, group=self.patient())
        return cast(Made, made[0])

    def in_turn(self, work: Callable[[], Made]) -> Made:
        """Do it one rank after the other: the first on a disk has the work, the others there find it done."""
        for _ in range(self.rank):
            self._wait()
        made = work()
        for _ in range(self.rank, self.count):
            self._wait()
        return made

    def equalise(self, model: nn.Module) -> None:
        """Give every rank the weights of rank 0."""
        for tensor in model.state_dict().values() if self.count > 1 else ():
            with _heard():
                whole = tensor.contiguous()
                dist.broadcast(whole, src=0)
                tensor.copy_(whole)

    def sum(self, number: float) -> float:
        """The sum of what the ranks bring."""
        total = torch.tensor([number], dtype=torch.float64)
        self._add_up(total)
        return total.item()

    def sum_gradients(self, parameters: Iterable[nn.Parameter], *figures: float) -> list[float]:
        """Put the sum over the ranks in place of each gradient; return the sums of the figures. One message.

        A weight that has a gradient on no rank stays without one, as the optimiser then leaves it alone.
        """
        if self.count == 1:
            return list(figures)
        held = list(parameters)
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in held]
        marks = torch.tensor([*(float(p.grad is not None) for p in held), *figures])
        flat = torch.cat([*(part.flatten() for part in parts), marks])
        self._add_up(flat)
        sums = torch.split(flat, [*(p.numel() for p in held), len(held), len(figures)])
        for parameter, total, mark in zip(held, sums, sums[-2], strict=False):
            parameter.grad = total.view_as(parameter) if mark else None
        return sums[-1].tolist()

    def _add_up(self, tensor: Tensor) -> None:
        if self.count > 1:
            with _heard():
                dist.all_reduce(tensor)

    def _wait(self) -> None:
        if self.count > 1:
            with _heard():
                dist.barrier(group=self.patient())


ALONE = Ranks()


@contextmanager
def joined() -> Iterator[Ranks]:
    """Meet the other ranks that the environment tells of, and part from them at the end.

    An error that one rank meets ends them all, with its exit code. Rank 0 raises it; the others, who have nothing to
    add, end by SystemExit. SIGTERM, by which torchrun stops its processes, is taken as Ctrl-C.

    Raises:
        EnvironmentProblem: the others can't be met.

    """
    rank, count = _number("RANK", 0), _number("WORLD_SIZE", 1)
    if count <= 1 or "RANK" not in os.environ:
        yield ALONE
        return
    with _interruptible():
        notes = _met(rank, count)
        try:
            yield Ranks(rank, count, ref(cast(dist.ProcessGroup, dist.new_group(timeout=PATIENCE))))
        except MezzetinError as error:
            # Whoever waits for this rank in a message finds it gone, and looks for the note that says why.
            found = _told(error, notes)
            dist.destroy_process_group()
            if not isinstance(found, _Lost):
                _leave(notes, rank, count)
            if rank == 0:
                raise found from error
            raise SystemExit(found.exit_code) from error
        except KeyboardInterrupt:
            if rank == 0:
                raise
            raise SystemExit(128 + signal.SIGINT) from None
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()


def _number(name: str, otherwise: int) -> int:
    given = os.environ.get(name, "")
    if given and not given.isdecimal():
        raise EnvironmentProblem(f"{name} is {given!r}, which is no number: start the ranks with torchrun")
    return int(given or otherwise)


def _met(rank: int, count: int) -> Store:
    """Open the connections; where the ranks leave notes for each other that need nobody to listen."""
    hook = sys.excepthook
    try:
        place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        hosts = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        store = dist.TCPStore(*place, None, hosts, STEP, wait_for_workers=False)  # type: ignore[attr-defined]
        notes = PrefixStore(_meeting(store, rank, count), store)
        dist.init_process_group("gloo", store=notes, rank=rank, world_size=count, timeout=STEP)
    except KeyError as error:
        raise EnvironmentProblem(
            f"RANK and WORLD_SIZE are set, but no {error}: start the ranks with torchrun"
        ) from error
    except (ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        advice = "start all of them with torchrun"
        raise EnvironmentProblem(f"rank {rank} can't meet the other ranks ({reason}): {advice}") from error
    # torch's hook holds back what it wraps, and loses it where that ends the process, as the command line's does.
    sys.excepthook = hook
    return notes


def _meeting(store: Store, rank: int, count: int) -> str:
    """Agree on a name for what follows: torchrun keeps its store, with the addresses of ranks that it has restarted."""
    own = uuid.uuid4().hex
    if rank > 0:
        store.set(f"here/{rank}", own)
        store.wait([f"welcome/{own}"], STEP)
        name = store.get(f"welcome/{own}").decode()
        store.set(f"met/{name}/{rank}", "")
        return name
    missing, latest = set(range(1, count)), time.monotonic() + STEP.total_seconds()
    while missing:
        for other in [other for other in missing if store.check([f"here/{other}"])]:
            # Whoever wrote this may be gone, and its successor yet to come: it is the answer that counts.
            store.set(f"welcome/{store.get(f'here/{other}').decode()}", own)
        missing = {other for other in missing if not store.check([f"met/{own}/{other}"])}
        if time.monotonic() > latest:
            raise RuntimeError(f"{len(missing)} did not come")
        time.sleep(0.02)
    return own


@contextmanager
def _heard() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise _Lost(LOST) from error


def _told(error: MezzetinError, notes: Store) -> MezzetinError:
    """Leave a note of what went wrong here, or, where that is only that another rank has gone, read that rank's."""
    try:
        if not isinstance(error, _Lost):
            notes.set("error", json.dumps([error.exit_code, str(error)]))
        elif notes.check(["error"]):
            code, message = json.loads(notes.get("error"))
            return InputError(message) if code == InputError.exit_code else EnvironmentProblem(message)
    except RuntimeError:
        # Without torchrun the notes are kept by rank 0, and go with it.
        return error
    return error


def _leave(notes: Store, rank: int, count: int) -> None:
    """Wait for those who leave as well: whoever started them stops the rest when the first has ended.

    Rank 0, which may keep the notes, goes last.
    """
    latest = time.monotonic() + FAREWELL
    try:
        for key, waits in (("left", True), ("gone", rank == 0)):
            there = notes.add(key, 1)
            while waits and there < count and time.monotonic() < latest:
                time.sleep(0.02)
                there = notes.add(key, 0)
    except RuntimeError:
        return


@contextmanager
def _interruptible() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
