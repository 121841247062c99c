"""The training loop: a generator of frozen events that knows no method and no task by name.

    for event in fit(setup, BestLook()): ...          to stop is not to ask for the next one

The best weights on dev are kept. A loss or a gradient that is no finite number ends the loop with `Diverged` before it reaches a weight,
and so do weights and scores before they are kept.
With `Checkpoints` an interrupted training goes on where it was, and ends with the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Generic

import torch
from torch import nn

from leantune.core.errors import SpecError
from leantune.core.events import Evaluated, Event, Noted, Stepped
from leantune.core.records import CurvePoint, Recipe
from leantune.execution.checkpoint import Checkpoints
from leantune.execution.course import Course, Drawn, Seen
from leantune.execution.crew import ALONE, Crew
from leantune.execution.device import out_of_memory, release, trim
from leantune.execution.training_state import TrainingState
from leantune.models.adaptation import Adaptation
from leantune.models.joint import Joint
from leantune.models.network import ASKED, Network
from leantune.models.seen_rows import seen_rows
from leantune.models.trunk import drops

SHORTEST_PAUSE = 0.25
"""Seconds between two `Stepped` events."""
STOPPED = 143
"""Exit code of a process that was asked to end (128 + SIGTERM)."""


class Diverged(Exception):
    """The loss, its gradient, the weights or the score on dev are no finite numbers any more."""

    def __init__(self, step: int, what: str, value: float, lr: float) -> None:
        super().__init__(f"the {what} became {value} at step {step} (learning rate {lr:.2g})")
        self.kept: int | None = None
        """The step whose weights are in the network: those of the best look, or the last ones with a finite loss; None for neither."""


def trained_names(network: Network | Joint, adaptation: Adaptation) -> frozenset[str]:
    """The parameters of the method in the body, the outer heads, and what a prompt brings: its soft tokens and its soft verbalizer."""
    verbalizer = isinstance(network, Network) and network.pooling == ASKED
    outer = network.head_parameters() if adaptation.trains_head or verbalizer else frozenset[str]()
    return frozenset(f"body.{name}" for name in adaptation.trainable) | outer | network.soft_parameters()


def apply_trainable(network: Network | Joint, names: frozenset[str]) -> dict[str, nn.Parameter]:
    """Set `requires_grad`, here and nowhere else; the trained parameters by name."""
    trained = {}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in names)
        if name in names:
            trained[name] = parameter
    return trained


def only_the_head(network: Network, adaptation: Adaptation) -> bool:
    """Whether nothing below the outer head is trained, inserted or dropped at random."""
    frozen = network.head is not None and not adaptation.trainable
    return frozen and not drops(network.body)


def head_names(network: Network | Joint, names: frozenset[str]) -> frozenset[str]:
    """The trained parameters that belong to a head, outside or inside the body."""
    inner, outer = network.anatomy.heads, network.head_parameters()
    return frozenset(name for name in names if name in outer or any(f".{head}." in name for head in inner))


class BestLook(Generic[Seen]):
    """Filled by `fit`: the predictions on dev that belong to the weights it kept."""

    best: Seen


def fit(
    setup: Course[Seen],
    looks: BestLook[Seen],
    checkpoints: Checkpoints | None = None,
    *,
    micro_batch: int | None = None,
    crew: Crew = ALONE,
) -> Iterator[Event]:
    """Train to the end of the recipe or until dev stops improving; the best weights are in the network afterwards.

    Where nothing is trained, or a head is computed in one go, there is one look at what is there.

    Args:
        setup: what is trained.
        looks: to be filled.
        checkpoints: where an earlier, interrupted call left its state, and this one leaves its own; None for neither.
        micro_batch: rows of a step that are in memory of a process at a time; None for all of them.
        crew: the processes that train it.

    Raises:
        Diverged: when the loss or its gradient is no finite number any more.
        SystemExit: 143 after a last checkpoint, when the process is asked to end.
    """
    network = setup.network
    names = trained_names(network, setup.adaptation)
    trained = apply_trainable(network, names)
    if not trained or setup.solve:
        start = time.perf_counter()
        for text in setup.solve() if setup.solve else ():
            yield Noted(text=text)
        seconds = setup.seconds + time.perf_counter() - start
        looks.best = setup.look()
        yield Evaluated(point=CurvePoint(step=0, seconds=seconds, train_loss=0.0, dev_score=setup.score(looks.best)), best=True)
        return
    for text in setup.notes:
        yield Noted(text=text)
    able = (setup.adaptation.after_step is None or setup.adaptation.own is not None) and crew.whole
    checkpoints = checkpoints if able else None
    tokens = setup.tokens() if setup.tokens and crew.whole else None
    with seen_rows(network.body, trained, tokens) as fewer, crew.training(network):
        fewer = fewer if crew.whole else apply_trainable(network, names)  # what is divided has other parameters
        state = TrainingState.begin(setup, fewer, head_names(network, names), crew)
        if checkpoints is not None:
            yield from _resume(state, looks, checkpoints)
        if crew.total(state.step) != [crew.size * state.step]:
            raise SpecError("the processes that train together found different checkpoints; delete those of this trial", "E-RUN")
        crew.part_ways(setup.generators)
        state.micro_batch = min((rows for rows in (state.micro_batch, micro_batch) if rows is not None), default=None)
        diverged = None
        with checkpoints.deferring() if checkpoints is not None else nullcontext():
            try:
                yield from _steps(state, looks, checkpoints)
            except Diverged as error:
                _keep_finite(state, error)
                diverged = error
    if diverged is not None:
        raise diverged


def _seen(looks: BestLook[Seen], found: Seen | None) -> None:
    """Keep a look, where this process has looked."""
    if found is not None:
        looks.best = found


def _resume(state: TrainingState, looks: BestLook[Seen], checkpoints: Checkpoints) -> Iterator[Event]:
    """Go on from the newest whole checkpoint, where there is any; what was seen before is told again."""
    found, rejected = checkpoints.newest()
    for text in rejected:
        yield Noted(text=text, at_once=True)
    if found is None:
        return
    state.unpack(found)
    if state.keeper.copies:  # what the best look saw is seen again
        now, random = state.keeper.now(), torch.get_rng_state()
        state.keeper.restore()
        _seen(looks, state.crew.look(state.setup.look))
        state.keeper.set(now)
        torch.set_rng_state(random)
    yield from state.looks
    yield Noted(text=f"went on from the checkpoint at step {state.step}", at_once=True)


def _steps(state: TrainingState, looks: BestLook[Seen], checkpoints: Checkpoints | None) -> Iterator[Event]:
    """All steps and looks; the best weights stay."""
    setup, recipe, network, crew = state.setup, state.setup.recipe, state.setup.network, state.crew
    stops, last_sent = _looks(recipe), -math.inf
    drawn = setup.batches(after=state.step)
    network.train()
    while not state.done:
        start, room = time.perf_counter(), state.micro_batch
        loss = _step(state, next(drawn))
        state.idle += loss is None
        if state.micro_batch != room:
            yield Noted(
                text=f"memory did not suffice: from step {state.step} on {state.micro_batch} rows of a step at a time", at_once=True
            )
        state.seconds += time.perf_counter() - start
        step = state.step
        if state.seconds - last_sent >= SHORTEST_PAUSE or step in stops:
            last_sent = state.seconds
            yield Stepped(step=step, steps=recipe.steps, loss=loss or 0.0, seconds=state.seconds)
        if step in stops:
            trim()
            found = crew.look(setup.look)
            seen = state.looked(_number(state, 0.0 if found is None else setup.score(found)))
            if seen.best:
                _seen(looks, found)
            yield seen
            network.train()
        if checkpoints is not None and crew.leads and checkpoints.due:
            if problem := checkpoints.keep(state.pack()):
                yield Noted(text=problem, at_once=True)
            if checkpoints.stopping:
                raise SystemExit(STOPPED)
    if state.idle:
        yield Noted(text=f"{state.idle} of the steps had nothing to learn from and changed nothing")
    state.keeper.restore()
    for text in setup.conclude() if setup.conclude else ():
        yield Noted(text=text)


def _step(state: TrainingState, drawn: Drawn) -> float | None:
    """One update and its loss; None where no gradient asks for any. Nothing that is no finite number reaches a weight.

    Raises:
        Diverged: before the update.
    """
    setup, step = state.setup, state.step + 1
    value = _gradients_that_fit(state, drawn)
    norm = state.crew.clipped([*state.trained.values(), *state.beside], setup.recipe.clip)
    if not math.isfinite(norm):
        raise Diverged(step, "gradient", norm, setup.recipe.lr)
    if norm > 0:
        state.optimizer.step()
    state.schedule.step()
    if setup.adaptation.after_step:
        setup.adaptation.after_step(step)
    state.optimizer.zero_grad(set_to_none=True)
    state.step = step
    if norm == 0:
        return None
    state.losses.add(value)
    return value


def _gradients_that_fit(state: TrainingState, drawn: Drawn) -> float:
    """The same as `_gradients`; where the memory does not suffice, with half as many rows at a time from now on."""
    generators = state.setup.generators
    before = [generator.bit_generator.state for generator in generators], torch.get_rng_state()
    while True:
        try:
            return _gradients(state, drawn)
        except (RuntimeError, MemoryError) as error:
            room = -(-drawn.rows // state.parts(drawn))
            if not out_of_memory(error) or not state.setup.divisible or room == 1 or state.crew.size > 1:
                raise
        state.optimizer.zero_grad(set_to_none=True)
        release()
        for generator, numbers in zip(generators, before[0], strict=True):
            generator.bit_generator.state = numbers
        torch.set_rng_state(before[1])
        state.micro_batch = (room + 1) // 2


def _gradients(state: TrainingState, drawn: Drawn) -> float:
    """Gradients of the mean loss of a step, which is given back; in parts they are those of the whole, but for rounding."""
    recipe, penalty, crew = state.setup.recipe, state.setup.adaptation.penalty, state.crew
    parts = state.parts(drawn)
    # Batches hold many short rows or few long ones; dividing by the mean number of rows gives each row the same weight.
    share = drawn.rows / recipe.batch_rows
    summed = weight = 0.0
    for mean, own in crew.losses(drawn, parts):
        loss, counted = crew.total(float(mean.detach()) * own, own)
        _finite(state, loss)
        (mean * share if parts == 1 else mean * own * crew.size).backward()  # type: ignore[no-untyped-call]
        summed, weight = summed + loss, weight + counted
    if parts > 1:
        for parameter in (*state.trained.values(), *state.beside):
            if parameter.grad is not None:
                parameter.grad.mul_(share / max(weight, 1.0))
    value = summed / max(weight, 1.0)
    if penalty is not None and any(one.grad is not None and one.grad.any() for one in state.trained.values()):
        more = penalty()
        value += _finite(state, float(more.detach())) / share
        more.backward()  # type: ignore[no-untyped-call]
    return value


def _finite(state: TrainingState, value: float) -> float:
    """A loss, before it goes back through the network."""
    if not math.isfinite(value):
        raise Diverged(state.step + 1, "loss", value, state.setup.recipe.lr)
    return value


def _number(state: TrainingState, score: float) -> float:
    """A score on dev by the leader, of weights that are numbers: others can still answer, with the first label for everything."""
    (score, broken) = state.crew.total(score if state.crew.leads else 0.0, float(not state.finite))
    if broken:
        raise Diverged(state.step, "weights", math.nan, state.setup.recipe.lr)
    if not math.isfinite(score):
        raise Diverged(state.step, "score on dev", score, state.setup.recipe.lr)
    return score


def _keep_finite(state: TrainingState, error: Diverged) -> None:
    """Leave the weights of the best look, or where there was none those of the last step, if they are numbers."""
    if state.keeper.copies:
        state.keeper.restore()
        error.kept = max(look.point.step for look in state.looks if look.best)
    elif not any(state.crew.total(float(not state.finite))):
        error.kept = state.step


def _looks(recipe: Recipe) -> set[int]:
    """Steps after which dev is scored: evenly spaced, the last step included."""
    count = min(recipe.evaluations, recipe.steps)
    return {round(recipe.steps * look / count) for look in range(1, count + 1)}
