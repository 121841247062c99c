"""Adaptation: a body with a method in it, as plain values.

Target(body, anatomy)  ->  Adaptation(body, names of the trained parameters, penalty, schedule)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from peft import PeftConfig
    from torch import Tensor, nn

    from leantune.models.anatomy import Anatomy


@dataclass(frozen=True)
class Target:
    """What a method is attached to."""

    body: nn.Module
    """The transformer, with a stock head inside or without any head."""
    anatomy: Anatomy
    task_type: str
    """The task as `peft` calls it: SEQ_CLS with a head inside, FEATURE_EXTRACTION without."""
    steps: int
    """Optimiser steps of the run, for methods with a schedule of their own."""
    words: tuple[str, ...] = ()
    """What the answers are called, for methods that start from words; empty where answers are no words."""
    numbers: Callable[[str], tuple[int, ...]] | None = None
    """Tokens of a text to the base; None where nobody can tell."""
    fisher: Callable[[Sequence[str]], list[Tensor]] | None = None
    """From names of parameters of the body to their squared gradients, mean over training rows; None where there are no rows."""
    rehearse: Callable[[Sequence[tuple[Sequence[nn.Parameter], float]], Callable[[], Tensor], int], None] | None = None
    """Trains parameters, each at its rate, with a penalty, for so many steps, on training rows; None where there are none."""


class Own(Protocol):
    """What a method remembers from step to step outside of the weights, so that a checkpoint can hold it."""

    def pack(self) -> dict[str, Tensor]:
        """As it is now."""
        ...

    def unpack(self, tensors: dict[str, Tensor]) -> None:
        """As it was then."""
        ...


@dataclass(frozen=True)
class Adaptation:
    """A body with a method in it."""

    body: nn.Module
    """The same body (methods that train what is there) or one wrapped by `peft`."""
    trainable: frozenset[str]
    """Names of the trained parameters inside `body`; the parameters of heads inside it are among them."""
    carrier: PeftConfig | None = None
    """For a body that is not wrapped: the `peft` configuration that stores its changed parameters as a small adapter
    (a LoRA that targets nothing, with `bias` or `modules_to_save`). None: the whole model is stored."""
    trains_head: bool = True
    """Whether a head outside of the body is trained as well."""
    penalty: Callable[[], Tensor] | None = None
    """Added to the loss at each step."""
    after_step: Callable[[int], None] | None = None
    """Called with the number of finished optimiser steps, gradients still present."""
    own: Own | None = None
    """What `after_step` remembers; without it a training with `after_step` begins anew when it was interrupted."""


def penalised(adaptation: Adaptation, penalty: Callable[[], Tensor]) -> Adaptation:
    """The same with one more term in the loss."""
    own = adaptation.penalty
    return replace(adaptation, penalty=penalty if own is None else lambda: own() + penalty())
