"""One trial: a recipe run with one seed inside a study; events while it runs, one record on disk at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.records import Scores
from leantune.core.study import Job
from leantune.execution.attach import attach, predictor_of, setup_of
from leantune.execution.behind import cautions
from leantune.execution.compressing import compressed
from leantune.execution.context import Context
from leantune.execution.course import Course
from leantune.execution.crew import ALONE, Crew, mustered
from leantune.execution.distilling import distilled
from leantune.execution.loop import Diverged
from leantune.execution.results import Attached, Results
from leantune.execution.settling import settle
from leantune.execution.teaching import taught
from leantune.kinds.method import parse_method
from leantune.models.four_bit import is_packed
from leantune.models.network import Network
from leantune.models.tying import groups_of


def run_trial(context: Context, job: Job) -> Iterator[Event]:
    """Train, score, measure, save; the last event carries the record, whatever happened."""
    results = Results(context, job, context.run / "trials" / job.digest(context.conditions))
    chained = bool(parse_method(job.expression).compressors)
    yield from results.carry_out(compressed(context, job, results, run_trial) if chained else _work(context, job, results))


def _shared(network: Network) -> list[str]:
    """What differs and what is stored, where layers share their weights."""
    groups, found = groups_of(getattr(network.body, "config", None)), network.anatomy
    if groups is None:
        return []
    sizes = {group: found.size([path]) for group, path in zip(dict.fromkeys(groups), found.blocks, strict=True)}
    stored = found.body_params + sum(sizes[group] for group in groups) - sum(sizes.values())
    what = f"its {len(groups)} layers are {len(sizes)} that are run at several places: {found.body_params:,} different parameters"
    return [f"{what}, {stored:,} with the copies that plain transformers needs and that are stored"]


def _crew(context: Context, job: Job, attached: Attached, course: Course[Any]) -> tuple[AbstractContextManager[Crew], str | None]:
    """The processes that train a course together, as many as were asked for where that is possible; where it is not a note says so."""
    parallel = job.conduct.parallel
    if parallel is None or not any(one.requires_grad for one in course.network.parameters()):
        return nullcontext(ALONE), None
    # What was chosen by looking at rows may be chosen otherwise elsewhere, where sums are rounded in another order.
    if course.solve or not course.divisible or context.lesson is not None or attached.seconds:
        told = "trained by one process: stored states, computed heads, teachers, contrast and chosen entries are not divided"
        return nullcontext(ALONE), told
    own = course.adaptation
    if parallel.way == "fsdp" and (own.after_step or own.penalty or is_packed(context.base.config)):
        reason = "it looks at whole weights in every step" if own.after_step or own.penalty else "its weights are packed"
        raise SpecError(f"{job.name} cannot be trained with --parallel fsdp: {reason}. Take ddp.", "E-OPTION")
    return mustered(context, job), None


def _work(context: Context, job: Job, results: Results) -> Iterator[Event]:
    assert job.recipe is not None
    context, notes = settle(context, job)
    yield from results.settled(context, notes)
    if job.phase != "race":
        yield from results.noted(cautions(context), at_once=job.measure)  # with the first seed; those after it say the same
    context, notes = taught(context, job)
    yield from results.taught(context, notes)
    context, notes = yield from distilled(context, job, run_trial)
    yield from results.taught(context, notes)
    attached = attach(context, job)
    yield from results.noted(_shared(attached.network))
    crew = partial(_crew, context, job, attached)
    try:
        seen = yield from results.train(
            attached.network, attached.adaptation, partial(setup_of, context, job, attached), context.device, crew
        )
    except Diverged as error:
        yield from results.rescued(attached, error)
        raise
    if job.phase == "race" and context.task.writes:  # writing takes long, and what is likely is enough to tell rates apart
        results.scores = Scores(dev=context.judgement("dev", seen))
        return
    predict = predictor_of(context, attached, job.recipe.decoding)
    dev = predict("dev") if context.task.writes else seen
    results.score(dev, predict)
    if job.phase != "race":
        results.measure(attached, dev)
    if job.phase == "final" and context.task.sampled:
        results.sample(attached.network)
