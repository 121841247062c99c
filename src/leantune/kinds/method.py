"""Method: which parameters are trained, and what is inserted.

    Target(body, anatomy) -> Adaptation(body, names of the trained parameters, penalty, schedule, mergeable)

A method is a frozen declaration of its options with a `Card` of facts. It asks the anatomy for sites, never names an
architecture and never knows the task. Which parameters train is a value (a set of names), applied in one place by the
execution floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.expressions import Call, parse_call, parse_chain
from leantune.core.spec import Spec
from leantune.kinds.link import Link
from leantune.kinds.prompt import Prompt
from leantune.kinds.rates import Rates as Rates

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy

TRAINING_OPTIONS = ("lr", "head_lr", "optimizer", "schedule", "warmup", "weight_decay")
"""Options that every method expression takes; they belong to the recipe, not to the method."""


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
    outside: bool = False
    """The head must stand outside of the body, where it can be computed from states."""
    longer: float = 1.0
    """Under a budget in time its trials have this times the steps of the others: what learns slowly is not judged half-way."""
    prepends: bool = False
    """Virtual tokens stand before the text, so pooling must leave them out."""

    @property
    def parts_head(self) -> bool:
        """Whether the head is moved out of the body."""
        return self.prepends or self.outside


class Method(Link):
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
    prompt: Prompt | None = None
    """How the task is worded; None where a head is trained on the texts as they are."""


def parse_method(text: str) -> Parsed:
    """Read a method expression such as `lora(rank=4, lr=1e-3)`, `peft.oft(r=8)` or, behind a prompt, `cloze | lora`.

    Raises:
        SpecError: E-EXPR, E-NAME, E-OPTION or E-RANGE, with the nearest valid name.
    """
    links = parse_chain(text)
    prompted = links[0].name in catalogue.names("prompts")
    if len(links) > 1 + prompted:
        raise SpecError(
            f'"{text}": compressors after "|" are not available yet. Give {" | ".join(map(str, links[: 1 + prompted]))}.', "E-EXPR"
        )
    if prompted:
        if len(links) == 1:
            raise SpecError(f'"{text}" is a prompt. Say what is trained with it: {links[0]} | lora, or {links[0]} | frozen.', "E-EXPR")
        prompt: Prompt = catalogue.load("prompts", links[0].name).from_call(links[0])
        found = _parsed(links[1])
        link = str(parse_call(str(links[0])))
        return replace(found, name=f"{link} | {found.name}", expression=f"{link} | {found.expression}", prompt=prompt)
    return _parsed(links[0])


def _parsed(call: Call) -> Parsed:
    training = {key: value for key, value in call.kwargs.items() if key in TRAINING_OPTIONS}
    own = Call(call.name, call.args, {key: value for key, value in call.kwargs.items() if key not in TRAINING_OPTIONS})
    member = catalogue.load("methods", call.name.split(".")[0])
    return Parsed(str(parse_call(str(call))), str(own), member.from_call(own), training)
