"""Method: which parameters are trained, and what is inserted.

    Target(body, anatomy) -> Adaptation(body, names of the trained parameters, penalty, schedule, mergeable)

A method is a frozen declaration of its options with a `Card` of facts. It asks the anatomy for sites, never names an
architecture and never knows the task. Which parameters train is a value (a set of names), applied in one place by the
execution floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.expressions import Call, parse_call, parse_chain
from leantune.core.spec import Spec

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy

TRAINING_OPTIONS = ("lr", "head_lr", "optimizer", "schedule", "warmup", "weight_decay")
"""Options that every method expression takes; they belong to the recipe, not to the method."""


PAPER_WIDTH = 768
"""Width of the bodies (BERT base) that most papers tuned their rates on."""
_MOST = 4.0
"""Narrower than a quarter of that is not scaled further."""


class Rates(Spec):
    """Learning rates of a method: its own range and where to start, for AdamW."""

    low: float
    start: float
    high: float

    def for_width(self, width: int) -> Rates:
        """The range on a body of this width: the rate of a matrix grows as the width shrinks (Yang et al. 2022, arXiv:2203.03466)."""
        factor = min(_MOST, max(1.0, PAPER_WIDTH / width))
        return Rates(**{name: float(f"{rate * factor:.3g}") for name, rate in self.model_dump().items()})


class Card(Spec):
    """The facts of a method that people read and the plan uses."""

    title: str
    paper: str
    """Authors, year, arXiv number; or "-" for folklore."""
    when: str
    """One line: when to use it."""
    rates: Rates
    head_factor: float = 1.0
    """The head's learning rate is this times the method's rate ..."""
    head_floor: float = 1e-3
    """... and at least this: a fresh head needs a rate of its own beside small or vector-shaped updates."""
    weight_decay: float = 0.0
    identity: bool = True
    """The adapted model equals the base at step 0."""
    mergeable: bool = True
    """The update folds into the base weights without a trace."""
    prepends: bool = False
    """Virtual tokens stand before the text, so pooling must leave them out."""


class Method(Spec):
    """Base of every method: options as fields, facts in `card`, four answers.

    A member's file binds `MEMBER` to the class.
    """

    card: ClassVar[Card]

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Why the method cannot work on this body, in one line; None when it can."""
        del anatomy
        return None

    def rates(self, anatomy: Anatomy) -> Rates:
        """The learning rates to race on this body."""
        del anatomy
        return self.card.rates

    def cost(self, anatomy: Anatomy) -> int:
        """Trained parameters without any head; known before anything is built."""
        raise NotImplementedError

    def virtual_tokens(self) -> int:
        """Positions of the context that the method takes for itself."""
        return 0

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Insert the method into the body, new parameters drawn from `seed`; no `requires_grad` is set here."""
        raise NotImplementedError

    @classmethod
    def from_call(cls, call: Call) -> Self:
        """The method of one link of an expression; positional values fill the fields in their order."""
        fields = list(cls.model_fields)
        if "." in call.name:
            raise SpecError(f'No method "{call.name}": only peft takes a name behind a dot, such as peft.oft.', "E-NAME")
        if len(call.args) > len(fields):
            raise SpecError(f"{call.name}: takes at most {len(fields)} values ({', '.join(fields) or 'none'}).", "E-OPTION")
        values: dict[str, Any] = dict(zip(fields, call.args, strict=False))
        for key, value in call.kwargs.items():
            if key in values:
                raise SpecError(f'{call.name}: "{key}" is given twice.', "E-OPTION")
            values[key] = value
        for key, value in values.items():
            if isinstance(value, bool) and key in fields and cls.model_fields[key].annotation is not bool:
                raise SpecError(f"{call.name}: {key} is not a switch. Got {str(value).lower()}.", "E-RANGE")
        return cls.build(call.name, values)


@dataclass(frozen=True)
class Parsed:
    """A method expression taken apart."""

    name: str
    """As the user wrote it, normalised: `lora(rank=4, lr=0.001)`."""
    expression: str
    """Without the training options."""
    method: Method
    training: dict[str, Any]
    """The training options given, for example {"lr": 0.001}."""


def parse_method(text: str) -> Parsed:
    """Read a method expression such as `lora(rank=4, lr=1e-3)` or `peft.oft(r=8)`.

    Raises:
        SpecError: E-EXPR, E-NAME, E-OPTION or E-RANGE, with the nearest valid name.
    """
    links = parse_chain(text)
    if len(links) > 1:
        raise SpecError(f'"{text}": compressors after "|" are not available yet. Give the method alone: {links[0]}.', "E-EXPR")
    call = links[0]
    training = {key: value for key, value in call.kwargs.items() if key in TRAINING_OPTIONS}
    own = Call(call.name, call.args, {key: value for key, value in call.kwargs.items() if key not in TRAINING_OPTIONS})
    member = catalogue.load("methods", call.name.split(".")[0])
    return Parsed(str(parse_call(str(call))), str(own), member.from_call(own), training)
