"""Pruning: what matters least to the task is taken out, in rounds with training between them.

    score      taylor         |sum of a * dL/da|  of neurons and heads,  |w * dL/dw|  of weights,  |sum of (y - x) * dL/dy|  of layers
               magnitude      the norm of what reads or writes a unit,  |w|,  the root mean square of the weights of a layer
               movement       learned: S <- S - lr * w * dL/dw', the best share stays;  soft_movement: sigmoid(S) > 0.1, and a penalty
               l1             of weights, by a proximal step after each update, w <- sign(w) max(|w| - d, 0), which gives exact zeros; the
                              first half of the steps draws by strength / 2 root mean squares of the matrix in all; then zeros stay, and
                              the rest goes on from the trained values (weight rewinding)
    schedule   after t of n rounds  keep + (1 - keep) (1 - t / n)^3  is left; one round is one shot
    after each round the model is distilled from what it was

    prune(neurons, keep=0.5)     prune(heads, keep=0.7)     prune(weights, keep=0.1, by=movement)     prune(neurons)
    prune(layers, keep=0.5)      prune(layers, by=magnitude, rounds=1)
    prune(vocabulary)            tokens that neither the training rows nor the spelling of other texts need, without any training

Neurons and layers are really taken out: the model is smaller and faster, an ordinary checkpoint. So are heads, as many in each layer,
where the family can say how wide a head is (Llama, Qwen, Mistral ...). Other heads, and single weights, are set to zero, which takes as
much room and time as before, and is labelled so. Without `keep` the rounds go on, an eighth at a time and at least one layer, until dev
does not support any more that the model is as good within the margin.

References: Molchanov et al. 2017, arXiv:1611.06440; Michel et al. 2019, arXiv:1905.10650; Sanh et al. 2020, arXiv:2005.07683; Zhu and Gupta
2017, arXiv:1710.01878; Kim et al. 2024, arXiv:2402.02834 (layers); Renda et al. 2020, arXiv:2003.02389 (rewinding).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.human import percent, points
from leantune.core.link import LinkCard
from leantune.kinds.compressor import Compressor, Smaller, Workshop

if TYPE_CHECKING:
    from torch import Tensor

    from leantune.compressors._kind import Kind
    from leantune.compressors._stopping import Way
    from leantune.models.anatomy import Anatomy
    from leantune.models.network import Network

ROWS = 256
"""Training rows that importance is judged by."""
EIGHTHS = 8
SCORE_RATE = 1e-2
"""Of learned scores (Adam), as in the paper."""
SETTLED = 0.8
"""Share of the steps after which movement leaves no less, so that the rest can settle."""
DRAWING = 0.5
"""Share of the steps in which l1 finds what becomes zero; the others train what is left."""
DRAWN = 0.5
"""Root mean squares of its matrix that l1 draws a weight by in all: 38 in 100 normally distributed ones are within it."""
_LEARNED = ("movement", "soft_movement")


class Prune(Compressor):
    """Neurons, heads, layers, single weights or tokens."""

    what: Literal["neurons", "heads", "layers", "weights", "vocabulary"] = "neurons"
    """What is taken out."""
    keep: float | None = Field(default=None, gt=0, lt=1)
    """Share that is left; found by the margin when not given, of a vocabulary what the training rows are written in."""
    by: Literal["taylor", "magnitude", "movement", "soft_movement", "l1"] = "taylor"
    """How importance is told."""
    rounds: int = Field(default=4, ge=1, le=100)
    """Cuts on the way to `keep`; 1 is one shot."""
    steps: int | None = Field(default=None, ge=0)
    """Of distillation in all; as many as the training had when not given."""
    margin: float = Field(default=2.0, gt=0, lt=100)
    """Without `keep`: points of dev score that may be lost."""
    strength: float = Field(default=1.0, gt=0)
    """Of soft movement and l1: how strongly scores and weights are drawn to zero; 1 is the paper's penalty, or half a root mean square."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Pruning",
        paper="Michel et al. 2019, arXiv:1905.10650",
        when="which layers, heads and neurons matter to the task is to be seen, and the model is to be narrower or shallower",
    )

    @model_validator(mode="after")
    def _fitting(self) -> Prune:
        if self.what == "vocabulary" and (strange := sorted(self.model_fields_set - {"what", "keep"})):
            raise PydanticCustomError("what", "tokens go at once, by how often they occur; leave {name} out", {"name": strange[0]})
        if self.by == "l1" and self.what != "weights":
            raise PydanticCustomError("by", "by=l1 is for weights; neurons, heads and layers take taylor or magnitude")
        if self.by in _LEARNED and self.what == "layers":
            raise PydanticCustomError(
                "by", "by={by} learns which weights move, and a layer has none of its own; layers take taylor or magnitude", {"by": self.by}
            )
        if self.by in ("l1", "soft_movement") and self.keep is not None:
            raise PydanticCustomError("keep", "with by={by} the share that is left follows from strength; leave keep out", {"by": self.by})
        if self.by == "movement" and self.keep is None:
            raise PydanticCustomError("keep", "by=movement needs keep, the share that is left at the end")
        return self

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Where blocks differ, and where no layer can go."""
        from leantune.compressors._layers import refusal
        from leantune.models.slices import neurons

        if self.what == "layers":
            return refusal(anatomy, self.keep)
        if self.what == "neurons" and not neurons(anatomy):
            return "its feed-forward blocks differ from each other, and a configuration has one number for all"
        return None

    @property
    def renumbers(self) -> bool:
        """Where tokens are taken out."""
        return self.what == "vocabulary"

    def further_steps(self, steps: int) -> int:
        """Those of the distillation."""
        if self.renumbers:
            return 0
        return steps if self.steps is None else self.steps

    def compress(self, network: Network, shop: Workshop) -> Generator[Event, None, Smaller]:
        """In rounds, or while scores are learned; tokens at once."""
        from leantune.compressors._stopping import Way
        from leantune.compressors._units import importance, kind_of
        from leantune.compressors._vocabulary import without_tokens

        if self.renumbers:
            return without_tokens(network, shop, self.keep)
        if self.keep is None and self.by not in ("l1", "soft_movement") and not shop.chooses:
            raise SpecError("prune: with few rows there is no dev to stop by; say how much is left, for example keep=0.5.", "E-METHOD")
        seen = importance(network, shop, ROWS)
        way = Way(shop, network, self.margin)
        kind = kind_of(self.what, network)
        if self.by in _LEARNED:
            network = yield from self._learned(network, shop, kind, way)
        elif self.by == "l1":
            network = yield from self._drawn(network, shop, kind, way)
        else:
            network = yield from self._cut(network, shop, kind, way)
        last, first = way.curve[-1] if way.curve[-1].kept else way.curve[-2], way.curve[0]
        left = percent(kind.left(network, shop.original))
        zeros = "" if kind.smaller else ", the rest is zero, which takes as much room and time as before"
        note = f"{left} of the {self.what} are left{zeros}; dev {points(last.dev - first.dev)} points"
        return Smaller(network, [note], way.curve, seen)

    def _cut(self, network: Network, shop: Workshop, kind: Kind, way: Way) -> Generator[Event, None, Network]:
        total = self.further_steps(shop.steps)
        shares = kind.rounds(self.shares(), shop.original)
        for share in shares:
            before = None if self.keep is not None else copy.deepcopy(network)
            network = kind.cut(network, kind.scores(network, shop, self.by, ROWS), share, shop.original)
            if steps := total // len(shares):
                yield from shop.recover(network, steps=steps, lr=shop.lr, after_step=kind.held(network))
            good = way.look(f"{percent(share)} of the {self.what}", network, targeted=self.keep is not None)
            if before is not None and not good:
                return before
        return network

    def shares(self) -> list[float]:
        """What is left after each round: the cubic schedule, or an eighth less each time."""
        if self.keep is None:
            return [1 - part / EIGHTHS for part in range(1, EIGHTHS)]
        return [self.share_after(part / self.rounds) for part in range(1, self.rounds + 1)]

    def share_after(self, done: float) -> float:
        """What is left after this share of the schedule, by the cubic form of Zhu and Gupta 2017; `keep` at 1 and behind it."""
        assert self.keep is not None
        return self.keep + (1 - self.keep) * (1 - min(1.0, done)) ** 3

    def _learned(self, network: Network, shop: Workshop, kind: Kind, way: Way) -> Generator[Event, None, Network]:
        import torch

        steps = max(1, self.further_steps(shop.steps))
        soft = self.by == "soft_movement"
        gates = kind.gates(network, soft=soft)
        optimizer = torch.optim.Adam([gate.scores for gate in gates], lr=score_rate(steps) if soft else SCORE_RATE)

        def learn(step: int) -> None:
            optimizer.step()
            optimizer.zero_grad()
            for gate in gates:
                gate.keep = 1.0 if soft else self.share_after(step / (SETTLED * steps))

        def penalty() -> Tensor:
            return self.strength * torch.stack([gate.pull() for gate in gates]).sum()

        yield from shop.recover(network, steps=steps, lr=shop.lr, after_step=learn, penalty=penalty if soft else None)
        network = kind.baked(network, gates)
        way.look(f"{percent(kind.left(network, shop.original))} of the {self.what}", network, targeted=True)
        return network

    def _drawn(self, network: Network, shop: Workshop, kind: Kind, way: Way) -> Generator[Event, None, Network]:
        import torch

        from leantune.models.gates import soft_threshold

        steps = max(1, self.further_steps(shop.steps))
        drawing = max(1, round(DRAWING * steps))
        weights: list[Any] = [part.weight for part in kind.parts(network)]
        pulls = [self.strength * DRAWN * float(weight.detach().square().mean().sqrt()) / drawing for weight in weights]
        trained = copy.deepcopy(network.state_dict())

        @torch.no_grad()
        def draw(step: int) -> None:
            del step
            for weight, pull in zip(weights, pulls, strict=True):
                weight.copy_(soft_threshold(weight, pull))

        yield from shop.recover(network, steps=drawing, lr=shop.lr, after_step=draw)
        masks = [weight != 0 for weight in weights]
        network.load_state_dict(trained)  # what has learned to make up for small weights would be too much beside whole ones
        with torch.no_grad():
            for weight, mask in zip(weights, masks, strict=True):
                weight.mul_(mask)
        if rest := steps - drawing:
            yield from shop.recover(network, steps=rest, lr=shop.lr, after_step=kind.held(network))
        way.look("drawn to zero", network, targeted=True)
        return network


def score_rate(steps: int) -> float:
    """Of soft scores: the paper's, or where a training is short the one at which what is drawn down all the time is off half way."""
    from leantune.models.gates import TAU

    return max(SCORE_RATE, 2 * math.log((1 - TAU) / TAU) / steps)


MEMBER = Prune
