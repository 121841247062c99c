"""Head tuning: the body is a frozen feature extractor, only the classifier on top is trained (a linear probe).

    logits = W pool(body(x)) + b        body frozen    W (outputs, hidden)    b (outputs)

Trains      the head alone, 0 numbers of the body.           At start   the body is unchanged.
Afterwards  nothing to merge; the head is stored whole.      Reference  Alain and Bengio 2016, arXiv:1610.01644.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card, Method, Rates
from leantune.models.surgery import carrier, in_place

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy


class Head(Method):
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

    def cost(self, anatomy: Anatomy) -> int:
        """Nothing of the body."""
        del anatomy
        return 0

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Nothing is inserted."""
        del seed
        return in_place(target, (), carrier(target))


MEMBER = Head
