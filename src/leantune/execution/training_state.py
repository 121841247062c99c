"""The state of a training between two steps: all that a checkpoint must hold for the rest to come out with the same bits.

    state = TrainingState.begin(setup, trained, heads)
    checkpoint = state.pack()        state.unpack(checkpoint)

Trained tensors, the best ones so far, optimiser, schedule, the generators of dropout and of hidden tokens, and what was measured. Frozen
weights and the order of rows are not in it: both follow from the seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from leantune.core.events import Evaluated
from leantune.core.records import CurvePoint
from leantune.execution.checkpoint import Checkpoint
from leantune.execution.course import Course, Drawn, Seen, parts_within
from leantune.execution.crew import Crew
from leantune.execution.optimizers import build_optimizer
from leantune.models.divided import local


class Mean:
    """Mean since it was last taken."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, value: float) -> None:
        """One more."""
        self.total, self.count = self.total + value, self.count + 1

    def take(self) -> float:
        """The mean; the next one begins."""
        mean = self.total / max(self.count, 1)
        self.total, self.count = 0.0, 0
        return mean


class Keeper:
    """Copies of the trained parameters at the best look."""

    def __init__(self, trained: dict[str, nn.Parameter]) -> None:
        self.trained, self.best, self.unimproved = trained, -math.inf, 0
        self.copies: dict[str, Tensor] = {}

    def offer(self, score: float) -> bool:
        """Keep what is there if it is the best; whether it is. What is no number never is."""
        if not score > self.best:
            self.unimproved += 1
            return False
        self.best, self.unimproved = score, 0
        self.copies = self.now()
        return True

    def now(self) -> dict[str, Tensor]:
        """Copies of the parameters as they are."""
        return {name: local(parameter.detach()).cpu().clone() for name, parameter in self.trained.items()}

    def restore(self) -> None:
        """Back to the best look, where there was one."""
        self.set(self.copies)

    @torch.no_grad()
    def set(self, copies: dict[str, Tensor]) -> None:
        """Give the parameters these values."""
        for name, copy in copies.items():
            local(self.trained[name]).copy_(copy)


@dataclass
class TrainingState:
    """What changes from step to step."""

    setup: Course[Any]
    trained: dict[str, nn.Parameter]
    beside: tuple[nn.Parameter, ...]
    """Trained with the network and thrown away with the training."""
    optimizer: Optimizer
    schedule: LRScheduler
    keeper: Keeper
    seconds: float
    crew: Crew
    losses: Mean = field(default_factory=Mean)
    step: int = 0
    idle: int = 0
    """Steps that had nothing to learn from."""
    micro_batch: int | None = None
    """Rows in memory at a time at most; None for as many as `Course.at_once` lets."""
    looks: list[Evaluated] = field(default_factory=list)

    @classmethod
    def begin(cls, setup: Course[Seen], trained: dict[str, nn.Parameter], heads: frozenset[str], crew: Crew) -> Self:
        """Before the first step."""
        helpers, soft = setup.helpers, setup.network.soft_parameters()
        optimizer, schedule = build_optimizer(setup.recipe, trained.items(), heads, soft, helpers)
        return cls(setup, trained, helpers.parameters if helpers else (), optimizer, schedule, Keeper(trained), setup.seconds, crew)

    @property
    def done(self) -> bool:
        """Whether no step is left, or dev has not improved for long enough."""
        return self.step >= self.setup.recipe.steps or self.keeper.unimproved >= self.setup.recipe.patience

    def parts(self, drawn: Drawn) -> int:
        """In how many parts the rows of a step are taken by all processes: as many for each, and none with more than fits."""
        rows = -(-drawn.rows // self.crew.size)
        if not self.setup.divisible:
            return self.crew.size
        by_rows = -(-rows // self.micro_batch) if self.micro_batch else 1
        by_tokens = parts_within(rows, drawn.tokens // drawn.rows, self.setup.at_once)
        return self.crew.size * min(rows, max(by_rows, by_tokens))

    @property
    def finite(self) -> bool:
        """Whether all trained weights that this process has are numbers."""
        return all(bool(local(parameter).isfinite().all()) for parameter in self.trained.values())

    def looked(self, score: float) -> Evaluated:
        """After a look at dev."""
        point = CurvePoint(step=self.step, seconds=self.seconds, train_loss=self.losses.take(), dev_score=score)
        self.looks.append(Evaluated(point=point, best=self.keeper.offer(score)))
        return self.looks[-1]

    def pack(self) -> Checkpoint:
        """As it is now."""
        tensors = {f"now/{name}": parameter.detach().cpu() for name, parameter in self.trained.items()}
        tensors |= {f"best/{name}": copy for name, copy in self.keeper.copies.items()}
        tensors |= {f"beside/{place}": parameter.detach().cpu() for place, parameter in enumerate(self.beside)}
        tensors |= {f"own/{name}": value for name, value in self._own.items()}
        tensors["random/cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random/cuda"] = torch.cuda.get_rng_state()
        found = self.optimizer.state_dict()
        numbers: dict[str, dict[str, Any]] = {}
        for place, kept in found["state"].items():
            tensors |= {f"optimizer/{place}/{key}": value.cpu() for key, value in kept.items() if isinstance(value, Tensor)}
            numbers[str(place)] = {key: value for key, value in kept.items() if not isinstance(value, Tensor)}
        values = {
            "optimizer": {"groups": found["param_groups"], "numbers": numbers},
            "schedule": {key: value for key, value in self.schedule.state_dict().items() if key != "lr_lambdas"},
            "generators": [generator.bit_generator.state for generator in self.setup.generators],
            "micro_batch": self.micro_batch,
            "idle": self.idle,
            "seconds": self.seconds,
            "losses": [self.losses.total, self.losses.count],
            "unimproved": self.keeper.unimproved,
            "looks": [look.model_dump(mode="json") for look in self.looks],
        }
        return Checkpoint(self.step, tensors, values)

    def unpack(self, checkpoint: Checkpoint) -> None:
        """As it was then; the generators of numbers too."""
        part = _parts(checkpoint.tensors)
        self.keeper.set(part["now"])
        with torch.no_grad():
            for place, parameter in enumerate(self.beside):
                parameter.copy_(part["beside"][str(place)])
        if self.setup.adaptation.own is not None:
            self.setup.adaptation.own.unpack(part.get("own", {}))
        values = checkpoint.values
        self._unpack_optimizer(part.get("optimizer", {}), values["optimizer"])
        self.schedule.load_state_dict(values["schedule"] | {"lr_lambdas": self.schedule.state_dict()["lr_lambdas"]})
        for generator, state in zip(self.setup.generators, values["generators"], strict=True):
            generator.bit_generator.state = state
        self.step, self.seconds, self.micro_batch = checkpoint.step, values["seconds"], values["micro_batch"]
        self.idle = values["idle"]
        self.losses.total, self.losses.count = values["losses"]
        self.looks = [Evaluated.model_validate(look) for look in values["looks"]]
        self.keeper.copies, self.keeper.unimproved = part.get("best", {}), values["unimproved"]
        self.keeper.best = max((look.point.dev_score for look in self.looks if look.best), default=-math.inf)
        torch.set_rng_state(part["random"]["cpu"])
        if "cuda" in part["random"] and torch.cuda.is_available():
            torch.cuda.set_rng_state(part["random"]["cuda"])

    def _unpack_optimizer(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        state: dict[int, dict[str, Any]] = {int(place): dict(numbers) for place, numbers in values["numbers"].items()}
        for name, value in tensors.items():
            place, key = name.split("/", 1)
            state[int(place)][key] = value
        self.optimizer.load_state_dict({"state": state, "param_groups": values["groups"]})

    @property
    def _own(self) -> dict[str, Tensor]:
        own = self.setup.adaptation.own
        return own.pack() if own is not None else {}


def _parts(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Tensors by the first word of their names."""
    found: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        part, own = name.split("/", 1)
        found.setdefault(part, {})[own] = value
    return found
