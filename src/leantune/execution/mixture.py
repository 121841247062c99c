"""A trial on several tasks at once: one body with the method in it, one head for each task, a step for one task at a time.

RUN/tasks/NAME/                 the study of each task, as it would be alone: data, tokens, trials
RUN/tasks/NAME/trials/<digest>/ what the mixture left for that task: a trial like any other
RUN/trials/<digest>/            the mixture's own record: the mean of the tasks' scores, the cost of all
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from leantune.core.events import Event
from leantune.core.records import Scores
from leantune.core.study import Blend, Job
from leantune.data.turns import counts, shares, turns
from leantune.execution.attach import begin, setup_of
from leantune.execution.context import Context, Reload
from leantune.execution.course import Course, Drawn, Setup
from leantune.execution.results import Attached, Outcome, Results
from leantune.kinds.method import parse_method
from leantune.kinds.task import Decoded
from leantune.models.adaptation import Adaptation, Target
from leantune.models.build import label
from leantune.models.delta import is_plain
from leantune.models.joint import Joint, build_joint

TASK = "mixture"
"""What the recipe of a mixture says it is for."""


@dataclass(frozen=True)
class Member:
    """A task of the mixture, opened."""

    name: str
    context: Context


@dataclass(frozen=True)
class Mixture:
    """A run folder and the tasks in it."""

    run: Path
    blend: Blend
    members: tuple[Member, ...]

    @classmethod
    def open(cls, run: Path, blend: Blend, reload: Reload | None = None) -> Mixture:
        """In the process of the trial; `reload` as in `Context`."""
        studies = {part.name: Context(task_folder(run, part.name), part.conditions, reload=reload) for part in blend.parts}
        return cls(run, blend, tuple(Member(name, context) for name, context in studies.items()))

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of the steps, in the order of the tasks."""
        return shares([len(member.context.gold["train"]) for member in self.members], self.blend.temperature)


def task_folder(run: Path, name: str) -> Path:
    """Where the study of a task of a mixture lies."""
    return run / "tasks" / name


def own_job(job: Job, member: Member, steps: int | None = None) -> Job:
    """The same job for one of the tasks; it is named as the mixture's. With `steps` those that are its own."""
    assert job.recipe is not None
    own = {"task": member.context.task.name, "steps": steps or job.recipe.steps}
    return job.model_copy(update={"recipe": job.recipe.model_copy(update=own)})


@dataclass(frozen=True)
class JointAttached:
    """A body with a method in it and the heads of several tasks."""

    network: Joint
    adaptation: Adaptation


def attach_joint(mixture: Mixture, job: Job) -> JointAttached:
    """Build the network of several tasks and put the method in, once."""
    assert job.recipe is not None
    first = mixture.members[0].context
    heads = [member.context.head for member in mixture.members]
    joint = build_joint(first.base, heads, seed=job.seed, dropout=job.recipe.dropout)
    for member, view in zip(mixture.members, joint.views(), strict=True):
        begin(member.context, view)
    target = Target(joint.body, joint.anatomy, "FEATURE_EXTRACTION", job.recipe.steps)
    adaptation = parse_method(job.expression).method.attach(target, seed=job.seed)
    joint.body = adaptation.body
    joint.to(first.device)
    return JointAttached(joint, adaptation)


@dataclass(frozen=True, kw_only=True)
class JointCourse(Course[dict[str, Decoded]]):
    """The trainings of several tasks, taking turns."""

    setups: tuple[Setup, ...]
    turns: NDArray[np.int64]

    @property
    def divisible(self) -> bool:
        """Where every task's are."""
        return all(setup.divisible for setup in self.setups)

    def batches(self, after: int = 0) -> Iterator[Drawn]:
        """Of the task whose turn it is; its rows come in the order in which it would see them alone."""
        taken = np.bincount(self.turns[:after], minlength=len(self.setups))
        streams = [setup.batches(after=int(own)) for setup, own in zip(self.setups, taken, strict=True)]
        for turn in self.turns[after:]:
            yield next(streams[turn])


def course_of(mixture: Mixture, job: Job, attached: JointAttached) -> JointCourse:
    """What the loop needs."""
    assert job.recipe is not None
    steps = counts(mixture.shares, job.recipe.steps)
    setups = {
        member.name: setup_of(member.context, own_job(job, member, int(own)), Attached(view, attached.adaptation))
        for member, view, own in zip(mixture.members, attached.network.views(), steps, strict=True)
    }
    return JointCourse(
        network=attached.network,
        adaptation=attached.adaptation,
        recipe=job.recipe,
        look=lambda: {name: setup.look() for name, setup in setups.items()},
        score=lambda seen: fmean(setups[name].score(found) for name, found in seen.items()),
        seconds=sum(setup.seconds for setup in setups.values()),
        notes=tuple(f"{name}: {text}" for name, setup in setups.items() for text in setup.notes),
        generators=tuple(generator for setup in setups.values() for generator in setup.generators),
        at_once=next(iter(setups.values())).at_once,
        setups=tuple(setups.values()),
        turns=turns(mixture.shares, steps=job.recipe.steps, seed=job.seed),
    )


def run_mixture(mixture: Mixture, job: Job) -> Iterator[Event]:
    """Train all tasks together; score, measure and save each; the last event carries the mixture's record, whatever happened."""
    outcome = Outcome(job, mixture.run / "trials" / job.digest(mixture.blend))
    yield from outcome.carry_out(_work(mixture, job, outcome))


def _work(mixture: Mixture, job: Job, outcome: Outcome) -> Iterator[Event]:
    attached = attach_joint(mixture, job)
    device = mixture.members[0].context.device
    course = partial(course_of, mixture, job, attached)
    seen = yield from outcome.train(attached.network, attached.adaptation, course, device)
    collapsed = [member.context.task.collapsed(seen[member.name].predicted, member.context.dataset.labels) for member in mixture.members]
    if collapsed[0] is not None and all(collapsed):
        outcome.say_one_answer(collapsed[0])
    outcome.scores = Scores(dev=max(point.dev_score for point in outcome.curve))
    if job.phase == "race":
        return
    leaves = _leave(mixture, job, outcome, attached, seen)
    outcome.scores = outcome.scores.model_copy(update={"test": fmean(leave.scores.test or 0.0 for leave in leaves)})
    if bad := [leave for leave in leaves if leave.status == "failed"]:
        outcome.status, outcome.reason = "failed", bad[0].reason


def _leave(mixture: Mixture, job: Job, outcome: Outcome, attached: JointAttached, seen: dict[str, Decoded]) -> list[Results]:
    """What the trained network is for each task, as a trial of that task."""
    assert job.recipe is not None
    shared = outcome.cost.trainable_params_without_head or 0
    of_all = ", ".join(member.name for member in mixture.members)
    leaves = []
    for member, view, steps in zip(mixture.members, attached.network.views(), counts(mixture.shares, job.recipe.steps), strict=True):
        context = member.context
        leave = Results(context, own_job(job, member), context.run / "trials" / outcome.folder.name)
        assert view.head is not None
        own = sum(part.numel() for part in view.head.parameters())
        leave.cost = outcome.cost.model_copy(update={"trainable_params": shared + own})
        leave.notes.append(f"trained together with others ({of_all}): {steps} of {job.recipe.steps} steps were its own")
        leave.score(seen[member.name], partial(context.predict, view, decoding=job.recipe.decoding))
        if is_plain(view):
            label(view.body.config, context.head)  # type: ignore[arg-type]
        leave.measure(Attached(view, attached.adaptation), seen[member.name])
        leave.finish()
        leaves.append(leave)
    return leaves
