"""Frozen events: what a trial says while it runs. Progress, budgets and trackers only read them.

The loop yields them; a consumer that wants to stop does not ask for the next one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from leantune.core.records import CurvePoint, TrialRecord
from leantune.core.spec import Spec


class Started(Spec):
    """The trial's model is built; training begins."""

    kind: Literal["started"] = "started"
    name: str
    steps: int
    trainable_params: int


class Stepped(Spec):
    """One optimiser step was taken (sent at most a few times a second)."""

    kind: Literal["stepped"] = "stepped"
    step: int
    steps: int
    loss: float
    seconds: float
    """Training time so far, without evaluation."""


class Evaluated(Spec):
    """One look at the dev set."""

    kind: Literal["evaluated"] = "evaluated"
    point: CurvePoint
    best: bool


class Noted(Spec):
    """Something a reader should know."""

    kind: Literal["noted"] = "noted"
    text: str
    at_once: bool = False
    """Whether it is shown while the trial runs, and not only kept in its record: a checkpoint that is not used, too little memory."""


class Finished(Spec):
    """The trial is done; the record is on disk."""

    kind: Literal["finished"] = "finished"
    record: TrialRecord


Event = Annotated[Started | Stepped | Evaluated | Noted | Finished, Field(discriminator="kind")]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(line: str) -> Event:
    """The event in one JSON line."""
    return _ADAPTER.validate_json(line)
