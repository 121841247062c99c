"""Head tuning: the body is a frozen feature extractor, only the classifier on top is trained (a linear probe).

    logits = W pool(body(x)) + b        body frozen    W (outputs, hidden)    b (outputs)

Trains      the head alone, 0 numbers of the body.           At start   the body is unchanged.
Afterwards  nothing to merge; the head is stored whole.      Reference  Alain and Bengio 2016, arXiv:1610.01644.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card, Rates
from leantune.methods._untouched import Untouched

if TYPE_CHECKING:
    from leantune.models.anatomy import Anatomy


class Head(Untouched):
    """Train the head on frozen features."""

    card: ClassVar[Card] = Card(
        title="Head only (linear probe)",
        paper="Alain and Bengio 2016, arXiv:1610.01644",
        when="the floor: enough when the base's features already separate the labels; trained in seconds where the head is outside"
        " the body (sentence encoders, --pooling), which is then run once",
        rates=Rates(low=1e-3, start=5e-3, high=3e-2),
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Bodies that bring their own head, trained and tied to the embeddings."""
        brought = anatomy.vocabulary and not anatomy.heads
        return f"{anatomy.architecture} brings its head, which is not new: there is nothing to train on top of it" if brought else None


MEMBER = Head
