"""Structure: other layers before anything is trained, a link before the method: `layers(3) | full`, `drop(6, 7) | reinit(last=2) | lora`.

    arranged(stacks) -> stacks          what stands at each place: a layer of the base, or a fresh one in its shape

A stack is the layers of a transformer in the order of the forward pass; an encoder-decoder has two. Links work on what the one before
them left; a student takes the place of them all; packed layers stay where they are. Numbers are places in that order, from 0 (of an
encoder-decoder the encoder's first); negative numbers count from the top.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from leantune.core.errors import SpecError
from leantune.core.layers import Stacks
from leantune.core.link import Link, LinkCard
from leantune.core.packing import Packing
from leantune.core.student import Student


class Structure(Link):
    """Base of every structure; a member's file binds `MEMBER` to the class."""

    card: ClassVar[LinkCard]

    @property
    def student(self) -> Student | None:
        """The body that shall stand in the place of the base; None where its layers are arranged."""
        return None

    @property
    def packing(self) -> Packing | None:
        """How the maps of the base are kept; None where they stay as they are."""
        return None

    def arranged(self, stacks: Stacks) -> Stacks:
        """The layers that there shall be.

        Raises:
            SpecError: E-RANGE for layers that do not exist, E-METHOD where the body does not allow it.
        """
        raise NotImplementedError


def is_of_the_run(structures: Sequence[tuple[str, Structure]]) -> bool:
    """Whether the base that they make is kept nowhere but in the run, so that what is trained on it must be stored whole."""
    return any(structure.packing is None for _, structure in structures)


def places(stacks: Stacks, numbers: Iterable[int], link: str) -> list[tuple[int, int]]:
    """Stack and place in it of layers by number.

    Raises:
        SpecError: E-RANGE with the layers that there are.
    """
    there = [(stack, place) for stack, layers in enumerate(stacks) for place in range(len(layers))]
    wanted = list(numbers)
    missing = [number for number in wanted if not -len(there) <= number < len(there)]
    if missing:
        which = " and ".join(map(str, missing))
        raise SpecError(
            f"{link}: layer {which} does not exist. There are layers 0 to {len(there) - 1} ({-len(there)} to -1 from the top).", "E-RANGE"
        )
    return [there[number] for number in wanted]
