"""Probe of a mixture: what a step and a row cost while several tasks share a body, weighted as its trials weigh them."""

from __future__ import annotations

import time

import numpy as np

from leantune.core.errors import LeantuneError
from leantune.core.study import Job
from leantune.execution.loop import apply_trainable, trained_names
from leantune.execution.mixture import Mixture, attach_joint
from leantune.execution.probe import ProbeResult, RowSeconds, probed, row_seconds, update_of
from leantune.execution.results import Attached


def probe_mixture(mixture: Mixture, job: Job) -> ProbeResult:
    """Put the method into the shared body and take a few steps of every task."""
    assert job.recipe is not None
    start = time.perf_counter()
    try:
        attached = attach_joint(mixture, job)
    except LeantuneError as error:
        return ProbeResult(name=job.name, problem=error.message)
    joint = attached.network
    trained = apply_trainable(joint, trained_names(joint, attached.adaptation))
    setup = time.perf_counter() - start
    update = update_of(job.recipe, joint, trained)
    found = [
        row_seconds(member.context, job.recipe, Attached(view, attached.adaptation), update)
        for member, view in zip(mixture.members, joint.views(), strict=True)
    ]
    return probed(job, mixture.members[0].context, trained, setup, _mean(mixture, found))


def _mean(mixture: Mixture, found: list[RowSeconds]) -> RowSeconds:
    """A trained row is of a task as often as its share says; a predicted one as often as there are rows of it on dev."""
    looked_at = [len(member.context.gold["dev"]) for member in mixture.members]
    train = np.average([one.train for one in found], weights=mixture.shares)
    predict = np.average([one.predict for one in found], weights=looked_at)
    return RowSeconds(float(train), float(predict), once=sum(one.once for one in found))
