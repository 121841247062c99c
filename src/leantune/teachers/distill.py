"""Distillation: a student learns to give the logits of a teacher, which say more about a row than its label.

    loss = hard * loss of the task + (1 - hard) * T^2 KL(softmax(v / T) || softmax(z / T))     mean over rows, or over the tokens that count

    distill | layers(3) | full                              full fine-tuning teaches a half of its layers
    distill(teacher=full) | lora                            into few trained parameters
    distill(teacher="runs/big/best", temperature=4) | full  an artifact teaches; a path has a / in it
    distill(teacher=[full, lora]) | full                    the mean of their probabilities
    distill(match=[logits, relations]) | layers(3) | full   states inside of the bodies too

The teacher is trained by the study first; where it is in the table itself that very trial is taken. Its logits are computed once and
kept on disk; vocabularies are too large for that, and it runs beside the student there. Its seconds are the student's too. With
--unlabelled its say on those rows is learned as well; where texts are written it writes one for each of them.

match: hidden = 1 - cos of the states of tokens, student layer i beside teacher layer ceil((i + 1) N / M) - 1, those of a student of
another width through a linear map that is trained beside it (at `map_lr`) and not kept; attention = squared difference of the scores
q k / sqrt(d) of each head; relations = KL of softmax(q q'), softmax(k k'), softmax(v v') in the last layer.

References: Hinton et al. 2015, arXiv:1503.02531; Jiao et al. 2020, arXiv:1909.10351 (TinyBERT); Wang et al. 2021, arXiv:2012.15828
(MiniLMv2).
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from leantune.core.errors import LeantuneError
from leantune.core.link import LinkCard
from leantune.kinds.distiller import Distiller, is_folder
from leantune.kinds.method import parse_method


class Distill(Distiller):
    """Learn from a model that is trained."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Distillation",
        paper="Hinton et al. 2015, arXiv:1503.02531",
        when="the student is smaller than the teacher (layers(3), another base), or there are many rows without labels (--unlabelled)",
    )

    @field_validator("teacher")
    @classmethod
    def _readable(cls, teachers: tuple[str, ...]) -> tuple[str, ...]:
        if not teachers:
            raise PydanticCustomError("teacher", "name one, for example teacher=full")
        for teacher in teachers:
            if is_folder(teacher):
                continue
            try:
                parse_method(teacher)
            except LeantuneError as error:
                raise PydanticCustomError("teacher", "{said} (the folder of an artifact has a / in it)", {"said": error.message}) from None
        return teachers


MEMBER = Distill
