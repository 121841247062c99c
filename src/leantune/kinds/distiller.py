"""Distiller: a teacher whose logits a student learns to give, a link before everything else: `distill(teacher=full) | layers(3) | full`.

    loss = hard * loss of the task + (1 - hard) * mean over teachers of  T^2 KL(softmax(v / T) || softmax(z / T))      z student, v teacher

The mean of the divergences has the gradient of the divergence from the mean of the teachers' probabilities, so several teachers are
averaged as probabilities, whatever the scale of their logits. Each task says what takes the place of KL (`Task.imitation`).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from leantune.core.link import Link, LinkCard

Matched = Literal["logits", "hidden", "attention", "relations"]


class Distiller(Link):
    """What a student imitates, and how much."""

    teacher: tuple[str, ...] = ("full",)
    """Method expressions, trained in the study, or folders of artifacts; several are averaged."""
    temperature: float = Field(default=4.0, gt=0)
    """Over 1 the unlikely answers count for more."""
    hard: float = Field(default=0.0, ge=0, le=1)
    """Share of the loss that goes by the labels; the rest goes by the teacher, which has learned from them."""
    match: tuple[Matched, ...] = Field(default=("logits",), min_length=1)
    """What is compared: logits, and inside of the bodies hidden (directions of states), attention (scores), relations (MiniLM)."""
    weight: float = Field(default=1.0, gt=0)
    """Of what is compared inside of the bodies, beside the rest of the loss."""
    map_lr: float = Field(default=1e-3, gt=0)
    """Rate of the linear map to the states of a teacher of another width (hidden), which is trained too and not kept."""

    card: ClassVar[LinkCard]

    @field_validator("teacher", "match", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @property
    def inside(self) -> bool:
        """Whether states are compared, so that the teacher runs beside the student."""
        return any(kind != "logits" for kind in self.match)


def is_folder(teacher: str) -> bool:
    """Whether a teacher is named by the folder of its artifact; anything else is a method expression."""
    return "(" not in teacher and "|" not in teacher and ("/" in teacher or "\\" in teacher or teacher.startswith((".", "~")))
