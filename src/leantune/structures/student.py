"""Student: a small body without attention in the place of the base, for devices where a transformer is too much.

    student(bag)      student(lstm, width=64)      student(lstm, width=100, vectors=glove.6B.100d.txt)

Afterwards: the tokens of the base, their embeddings brought to `width` (its own ones by their principal components, or word vectors
from a file), and above them nothing but a linear map (bag) or one bidirectional LSTM, drawn by the seed of the trial.

References: Tang et al. 2019, arXiv:1903.12136 (BERT into an LSTM); Iyyer et al. 2015 (deep averaging networks, ACL).
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from leantune.core.errors import SpecError
from leantune.core.layers import Stacks
from leantune.core.link import LinkCard
from leantune.core.student import Student
from leantune.kinds.structure import Structure


class StudentBody(Structure):
    """A bag of embeddings, or an LSTM."""

    kind: Literal["bag", "lstm"]
    """bag: words without their order; lstm: one bidirectional layer."""
    width: int = Field(default=128, ge=2, le=4096)
    """Of embeddings and states; even."""
    vectors: str | None = None
    """A text file in the format of GloVe or word2vec, whose vectors have `width` numbers."""

    card: ClassVar[LinkCard] = LinkCard(
        title="A bag of embeddings or an LSTM in the place of the base",
        paper="Tang et al. 2019, arXiv:1903.12136",
        when="a device has room for a few megabytes; with a teacher before it: distill | student(lstm) | full",
    )

    @model_validator(mode="after")
    def _even(self) -> Self:
        if self.width % 2:
            raise PydanticCustomError("even", "width must be even: an LSTM gives half of it to each direction")
        return self

    @property
    def student(self) -> Student:
        """As plain values."""
        return Student(self.kind, self.width, self.vectors)

    def arranged(self, stacks: Stacks) -> Stacks:
        """Refused: there are no layers beside a student."""
        del stacks
        raise SpecError("student: it stands in the place of all layers, so no other structure goes with it. Leave one out.", "E-METHOD")


MEMBER = StudentBody
