"""Optimisers and schedules by their names, as part of a recipe.

Names are torch's own classes in lower case (adamw, adam, sgd, rmsprop, adafactor, nadam ...) and the schedules of
`transformers` (linear, cosine, constant, polynomial, inverse_sqrt ...), all with warm-up.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from transformers import get_scheduler

from leantune.core.errors import unknown_name
from leantune.core.records import Recipe
from leantune.models.divided import is_divided

SCHEDULES = ("linear", "cosine", "constant", "polynomial", "inverse_sqrt")
_UNFIT = {"optimizer", "lbfgs", "sparseadam", "muon"}
"""Not usable here: abstract, needs a closure, sparse gradients only, matrices only."""
_EXTRA: dict[str, dict[str, Any]] = {"sgd": {"momentum": 0.9}}
_SHAPE: dict[str, dict[str, Any]] = {"polynomial": {"power": 2.0, "lr_end": 0.0}}
"""With `transformers`' own values it is the linear schedule again, and rates of 1e-7 and less are refused."""


def optimizer_names() -> list[str]:
    """Valid names, sorted."""
    classes = (name for name, value in vars(torch.optim).items() if inspect.isclass(value) and issubclass(value, Optimizer))
    return sorted({name.lower() for name in classes} - _UNFIT)


def check_names(optimizer: str, schedule: str) -> None:
    """Refuse unknown names before anything runs.

    Raises:
        SpecError: E-NAME with the nearest valid name.
    """
    if optimizer not in optimizer_names():
        raise unknown_name("optimizer", optimizer, optimizer_names())
    if schedule not in SCHEDULES:
        raise unknown_name("schedule", schedule, SCHEDULES)


@dataclass(frozen=True)
class Helpers:
    """What is trained beside a network and thrown away with the training."""

    parameters: tuple[nn.Parameter, ...]
    lr: float


def build_optimizer(
    recipe: Recipe,
    named: Iterable[tuple[str, nn.Parameter]],
    heads: frozenset[str],
    soft: frozenset[str] = frozenset(),
    helpers: Helpers | None = None,
) -> tuple[Optimizer, LRScheduler]:
    """Optimiser and schedule of a recipe.

    Args:
        recipe: names and rates.
        named: the trained parameters.
        heads: names among them that learn at the head's rate.
        soft: names among them that learn at the rate of soft tokens.
        helpers: what learns at a rate of its own, none of them.
    """
    check_names(recipe.optimizer, recipe.schedule)
    classes: dict[str, Any] = {name.lower(): value for name, value in vars(torch.optim).items() if inspect.isclass(value)}
    build = classes[recipe.optimizer]
    options = dict(_EXTRA.get(recipe.optimizer, {}))
    trained = list(named)
    if "fused" in inspect.signature(build).parameters and not any(is_divided(parameter) for _, parameter in trained):
        options["fused"] = True
    groups = _groups(recipe, trained, heads, soft)
    if helpers is not None:
        groups.append({"params": list(helpers.parameters), "lr": helpers.lr, "weight_decay": 0.0})
    optimizer = build(groups, lr=recipe.lr, **options)
    kind = "constant_with_warmup" if recipe.schedule == "constant" else recipe.schedule
    warmup = round(recipe.warmup * recipe.steps)
    shape = _SHAPE.get(recipe.schedule)
    steps = {"num_warmup_steps": warmup, "num_training_steps": recipe.steps}
    return optimizer, get_scheduler(kind, optimizer, **steps, scheduler_specific_kwargs=shape)


def _groups(recipe: Recipe, named: list[tuple[str, nn.Parameter]], heads: frozenset[str], soft: frozenset[str]) -> list[dict[str, Any]]:
    """Body, head and soft tokens; with weight decay (matrices) and without (biases, norms, vectors, soft tokens)."""
    groups: dict[tuple[float | None, str, bool, bool], list[nn.Parameter]] = {}
    for name, parameter in named:
        rate, kind = (recipe.head_lr, "head") if name in heads else (recipe.soft_lr, "soft") if name in soft else (None, "body")
        # Optimisers cannot take tensors that are divided among processes together with others.
        groups.setdefault((rate, kind, parameter.ndim > 1 and kind != "soft", is_divided(parameter)), []).append(parameter)
    return [
        {"params": parameters, "lr": rate or recipe.lr, "weight_decay": recipe.weight_decay if matrix else 0.0}
        for (rate, _, matrix, _), parameters in groups.items()
    ]
