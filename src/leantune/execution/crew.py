"""Crews: the processes that train one network together. The one door to accelerate.

    ALONE                                      one process; nothing below has anything to do
    with mustered(context, job) as crew:       starts the other processes (`execution.follower`); this one leads them
    crew = join(parallel, device, share)       in each of them

All draw the same rows, each computes the gradients of its own part of them, these are averaged (`ddp`, Li et al. 2020, arXiv:2006.15704;
`fsdp`, `execution.sharding`), and all take the same step. The leader looks at dev, keeps checkpoints and tells the others what it found;
where weights are divided all of them look, because each layer is gathered from all.
"""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from leantune.core.errors import SpecError
from leantune.core.parallel import Parallel
from leantune.core.study import Job
from leantune.execution.context import Context
from leantune.execution.course import Drawn
from leantune.execution.device import out_of_memory
from leantune.execution.process import GRACE, ending
from leantune.models.divided import is_divided
from leantune.models.joint import Joint
from leantune.models.network import Network

READY = "ready"
"""What a process says that waits for the others."""
NO_MEMORY = 77
"""Code of the exit of a process that had none left."""
PATIENCE = timedelta(days=2)
"""Of a process for the others: a look at dev may take long, and one that has died is noticed at once."""
_DYING = 2.0
"""Seconds from a broken connection until the process behind it counts as gone."""

Found = TypeVar("Found")


class Crew:
    """One process on its own."""

    size = 1
    leads = True
    """Whether it keeps checkpoints and is told about."""
    whole = True
    """Whether each process has the whole weights."""

    def training(self, network: Network | Joint) -> AbstractContextManager[None]:
        """Around a training."""
        del network
        return nullcontext()

    def part_ways(self, generators: Sequence[np.random.Generator]) -> None:
        """From now on each process draws other random numbers."""

    def losses(self, drawn: Drawn, parts: int) -> Iterator[tuple[Tensor, int]]:
        """Mean losses of the parts of a step that are this process's, and what they are the mean of (`Drawn.losses`)."""
        return drawn.losses(range(parts), parts)

    def total(self, *values: float) -> list[float]:
        """Sums over all processes."""
        return list(values)

    def look(self, look: Callable[[], Found]) -> Found | None:
        """What dev looks like; None where another process looks."""
        return look()

    def clipped(self, parameters: Sequence[nn.Parameter], most: float) -> float:
        """Cut the gradients to a norm; their norm before that."""
        return float(nn.utils.clip_grad_norm_(parameters, most))


ALONE = Crew()


class Together(Crew):
    """One process of several.

    Args:
        accelerator: that has joined it to the others.
        parallel: what is done together.
        share: threads of each process; the leader alone has more, which it takes when it looks at dev.
    """

    def __init__(self, accelerator: Any, parallel: Parallel, share: int) -> None:
        self._accelerator, self._rank = accelerator, int(accelerator.process_index)
        self.size, self.leads, self.whole = parallel.processes, self._rank == 0, parallel.way == "ddp"
        self._threads, self._share = torch.get_num_threads(), share
        self._forward: Any = None

    @contextmanager
    def training(self, network: Network | Joint) -> Iterator[None]:
        """Gradients are averaged by torch's DistributedDataParallel, or weights are divided, while it lasts."""
        with self._divided(network), self._threads_of(self._share):
            asked = _Asked(network)
            self._forward = self._accelerator.prepare_model(asked) if self.whole else asked
            yield
            self._forward = None
            self._accelerator.free_memory()

    def _divided(self, network: Network | Joint) -> AbstractContextManager[None]:
        if self.whole:
            return nullcontext()
        from torch.distributed.device_mesh import init_device_mesh

        from leantune.execution.sharding import sharded

        assert isinstance(network, Network)
        for one in (*network.parameters(), *network.buffers()):  # as DistributedDataParallel does it
            torch.distributed.broadcast(one.detach(), src=0)
        return sharded(network, init_device_mesh(self._accelerator.device.type, (self.size,)))

    @staticmethod
    @contextmanager
    def _threads_of(number: int) -> Iterator[None]:
        before = torch.get_num_threads()
        torch.set_num_threads(number)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def part_ways(self, generators: Sequence[np.random.Generator]) -> None:
        """From now on each process draws other random numbers; the leader those that it would draw alone."""
        for generator in generators:
            generator.bit_generator.state = generator.bit_generator.jumped(self._rank).state  # type: ignore[attr-defined]
        if not self.leads:
            torch.manual_seed(torch.initial_seed() + self._rank)

    def losses(self, drawn: Drawn, parts: int) -> Iterator[tuple[Tensor, int]]:
        """Of every part whose turn it is; all processes have as many, so that all wait for each other as often."""
        own = range(self._rank, parts, self.size)
        found = drawn.losses(own, parts)
        for part in own:
            last = part == own[-1]
            with nullcontext() if last or not self.whole else self._forward.no_sync():  # they are averaged once
                yield self._forward(found)

    def total(self, *values: float) -> list[float]:
        """Sums over all processes."""
        found = torch.tensor(values, dtype=torch.float64, device=self._accelerator.device)
        return [float(value) for value in self._accelerator.reduce(found, reduction="sum")]

    def look(self, look: Callable[[], Found]) -> Found | None:
        """By the leader, with all processors; where weights are divided by all."""
        if not self.whole:
            return look()
        if not self.leads:
            return None
        with self._threads_of(self._threads):
            return look()

    def clipped(self, parameters: Sequence[nn.Parameter], most: float) -> float:
        """As one process does it, of gradients of which some may be divided."""
        if self.whole:
            return super().clipped(parameters, most)
        own = [one for one in parameters if not is_divided(one)]
        self._averaged(own)
        gradients: list[Any] = [one.grad for one in parameters if one.grad is not None]
        norms: list[Any] = [nn.utils.get_total_norm([one for one in gradients if is_divided(one) == divided]) for divided in (False, True)]
        norm = math.hypot(*(float(one.full_tensor() if is_divided(one) else one) for one in norms))
        for gradient in gradients:
            gradient.mul_(min(1.0, most / (norm + 1e-6)))
        return norm

    def _averaged(self, parameters: Sequence[nn.Parameter]) -> None:
        """Gradients of what is not divided; where no process has one there is none."""
        asked = [one for one in parameters if one.requires_grad]
        if not asked:
            return
        there = torch.tensor([float(one.grad is not None) for one in asked], device=asked[0].device)
        flat = torch.cat([there, *((torch.zeros_like(one) if one.grad is None else one.grad).flatten().float() for one in asked)])
        there, *found = self._accelerator.reduce(flat, reduction="mean").split([len(asked), *(one.numel() for one in asked)])
        for one, some, gradient in zip(asked, there.tolist(), found, strict=True):
            one.grad = gradient.view_as(one).to(one.dtype) if some else None


class _Asked(nn.Module):
    """A network as DistributedDataParallel sees it: a pass forward is the next of some losses, whatever that takes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, losses: Iterator[tuple[Tensor, int]]) -> tuple[Tensor, int]:
        """The next one."""
        return next(losses)


@contextmanager
def mustered(context: Context, job: Job) -> Iterator[Together]:
    """The leader of the processes that a job is to have; the others end with it, and it ends with any of them.

    Raises:
        SpecError: E-OPTION when one of them could not begin.
    """
    parallel = job.conduct.parallel
    assert parallel is not None
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    spec = {"run": str(context.run), "conditions": context.conditions.model_dump(mode="json"), "job": job.model_dump(mode="json")}
    places = [_place(rank, parallel.processes, port) for rank in range(parallel.processes)]
    others: list[subprocess.Popen[str]] = []
    done = threading.Event()
    try:
        for place in places[1:]:
            others.append(_started(spec, place))
        for other in others:
            assert other.stdout is not None
            if READY not in map(str.strip, other.stdout):
                raise SpecError(f"One of {parallel.processes} processes could not begin; the log of the trial says why.", "E-OPTION")
        for other in others:
            threading.Thread(target=_end_with, args=(other, done), daemon=True).start()
        try:
            with _standing(places[0]):
                yield join(parallel, context.device, int(places[0]["OMP_NUM_THREADS"]))
        except RuntimeError as error:  # torch's word for a broken connection, among others
            done.set()
            if not out_of_memory(error) and (code := _killed(others)) is not None:
                _end(code)
            raise
        done.set()
        part()
        _let_go(others)
    finally:
        done.set()
        for other in others:
            other.kill()
            other.wait()
        part()


def _started(spec: dict[str, Any], place: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "leantune.execution.follower", str(os.getpid())]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    other = subprocess.Popen(command, env=os.environ | place, **pipes)
    assert other.stdin is not None
    other.stdin.write(json.dumps(spec) + "\n")
    other.stdin.flush()
    return other


def _let_go(others: Sequence[subprocess.Popen[str]]) -> None:
    """They wait for their input to end."""
    for other in others:
        assert other.stdin is not None
        other.stdin.close()
    for other in others:
        with suppress(subprocess.TimeoutExpired):
            other.wait(timeout=GRACE)


def _place(rank: int, size: int, port: int) -> dict[str, str]:
    """Where a process stands, in the words of torchrun."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    threads = max(1, torch.get_num_threads() // size)
    return {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": str(threads)} | {name: str(value) for name, value in numbers.items()}


@contextmanager
def _standing(place: dict[str, str]) -> Iterator[None]:
    """In the environment, while it lasts."""
    before = {name: os.environ.get(name) for name in place}
    os.environ.update(place)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_with(other: subprocess.Popen[str], done: threading.Event) -> None:
    """Without one of them the rest would wait for ever."""
    code = other.wait()
    if not done.is_set():
        _end(code)


def _killed(others: Sequence[subprocess.Popen[str]]) -> int | None:
    """How one of them ended that did not end by an exception of its own, which this process has too; None where none did."""
    until = time.monotonic() + _DYING
    while time.monotonic() < until:
        for other in others:
            if (code := other.poll()) is not None and (code < 0 or code == NO_MEMORY):
                return code
        time.sleep(0.05)
    return None


def _end(code: int) -> NoReturn:
    why = ending(code) if code != NO_MEMORY else "it had no memory left: give a smaller --micro-batch"
    sys.stderr.write(f"one of the processes that train together is gone: {why}\n")
    sys.stderr.flush()
    os._exit(1)


def join(parallel: Parallel, device: torch.device, share: int) -> Together:
    """Wait for the others.

    Args:
        parallel: what is to be done together.
        device: cpu, or cuda, of which each process takes its own.
        share: threads of each process.
    """
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

    ways = DistributedDataParallelKwargs(find_unused_parameters=True)  # what no row of a step reaches has no gradient
    handlers = [ways, InitProcessGroupKwargs(timeout=PATIENCE)]
    return Together(Accelerator(cpu=device.type == "cpu", device_placement=False, kwargs_handlers=handlers), parallel, share)


def part() -> None:
    """Leave the others, so that another training of this process may have its own."""
    from accelerate.state import AcceleratorState, GradientState

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
