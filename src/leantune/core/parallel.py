"""Parallel: one training by several processes, each on a device of its own.

ddp:2     each has the whole network and a part of the rows of a step (Li et al. 2020, arXiv:2006.15704)
fsdp:2    weights, gradients and the state of the optimiser are divided too (Zhao et al. 2023, arXiv:2304.11277)
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from pydantic import Field

from leantune.core.errors import SpecError, unknown_name
from leantune.core.spec import Spec

Way = Literal["ddp", "fsdp"]


class Parallel(Spec):
    """How, and by how many."""

    way: Way
    processes: int = Field(ge=2, le=1_024)


def parse_parallel(text: str | None) -> Parallel | None:
    """What --parallel says; None for one process.

    >>> parse_parallel("ddp:2")
    Parallel(way='ddp', processes=2)

    Raises:
        SpecError: E-NAME for another way, E-RANGE for a number that is none.
    """
    if text is None:
        return None
    way, colon, number = text.strip().lower().partition(":")
    if way not in get_args(Way):
        raise unknown_name("way to train in parallel", way, list(get_args(Way)))
    if not re.fullmatch(r"[1-9]\d{0,3}", number):
        given = f'"{number}" is no number of processes' if colon else "the number of processes is missing"
        raise SpecError(f'--parallel "{text}": {given}. Write for example {way}:2.', "E-RANGE")
    return None if int(number) == 1 else Parallel.build("--parallel", {"way": way, "processes": int(number)})
