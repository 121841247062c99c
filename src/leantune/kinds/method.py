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
from leantune.core.link import Link
from leantune.core.spec import Spec
from leantune.kinds.compressor import Compressor
from leantune.kinds.distiller import Distiller
from leantune.kinds.prompt import Prompt
from leantune.kinds.rates import Rates as Rates
from leantune.kinds.structure import Structure
from leantune.kinds.teacher import Teacher

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy

TRAINING_OPTIONS = ("lr", "head_lr", "optimizer", "schedule", "warmup", "weight_decay")
"""Options that every method expression takes; they belong to the recipe, not to the method."""
_BEFORE = ("teachers", "prompts", "structures")
"""Shelves whose members stand before a method, in this order; of the last one several may."""
_HINTS = {"teacher": "head", "prompt": "frozen", "structure": "full"}


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
    untrained: bool = False
    """Nothing is trained but what a prompt brings."""
    four_bit: bool = False
    """`peft` has a form of it that stands on linear maps in 4 bits."""
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
    teacher: Teacher | None = None
    """What says more about unlabelled rows; None where labelled rows are all."""
    distiller: Distiller | None = None
    """Whom the method imitates; None where it goes by the labels alone."""
    structures: tuple[tuple[str, Structure], ...] = ()
    """Other layers than the base has, each with its link as it is written; none where the base stays as it is."""
    compressors: tuple[tuple[str, Compressor], ...] = ()
    """What makes the trained model smaller, each with its link as it is written."""
    uncompressed: str = ""
    """The expression without them."""

    @property
    def method_name(self) -> str:
        """Of the method alone."""
        return parse_chain(self.uncompressed)[-1].name


def parse_method(text: str) -> Parsed:
    """Read a method expression such as `lora(rank=4, lr=1e-3)`, `peft.oft(r=8)` or, with all that may stand around it,
    `consensus | cloze | layers(6) | lora | shrink(layers=4)`: teacher, prompt, structures, method, compressors.

    Raises:
        SpecError: E-EXPR, E-NAME, E-OPTION or E-RANGE, with the nearest valid name.
    """
    links = parse_chain(text)
    before, own, after = _sorted(text, links)
    compressors = _loaded("compressors", after)
    if early := [link for link, compressor in compressors[:-1] if compressor.ends]:
        raise SpecError(f'"{text}": nothing can stand behind {early[0]}, which makes another kind of model. Put it last.', "E-EXPR")
    teacher, prompt = (next((link for link in before if link.name in catalogue.names(shelf)), None) for shelf in ("teachers", "prompts"))
    said = None if teacher is None else catalogue.load("teachers", teacher.name).from_call(teacher)
    found = _parsed(own)
    lead = "".join(f"{parse_call(str(link))} | " for link in before)
    tail = "".join(f" | {parse_call(str(link))}" for link in after)
    return replace(
        found,
        name=lead + found.name + tail,
        expression=lead + found.expression + tail,
        uncompressed=lead + found.expression,
        prompt=None if prompt is None else catalogue.load("prompts", prompt.name).from_call(prompt),
        teacher=None if isinstance(said, Distiller) else said,
        distiller=said if isinstance(said, Distiller) else None,
        structures=_loaded("structures", [link for link in before if link.name in catalogue.names("structures")]),
        compressors=compressors,
    )


def _loaded(shelf: str, links: list[Call]) -> tuple[tuple[str, Any], ...]:
    """The members of a shelf that some links name, each with its link as it is written."""
    return tuple((str(parse_call(str(link))), catalogue.load(shelf, link.name).from_call(link)) for link in links)


def _sorted(text: str, links: list[Call]) -> tuple[list[Call], Call, list[Call]]:
    """The links before the method, the method, and those behind it.

    Raises:
        SpecError: E-EXPR for links in another order than teacher, prompt, structures, method, compressors.
    """
    order = {name: place for place, shelf in enumerate(_BEFORE) for name in catalogue.names(shelf)}
    smaller = catalogue.names("compressors")
    methods = [link for link in links if link.name not in order and link.name not in smaller]
    if not methods:
        last = links[-1]
        kind = "compressor" if last.name in smaller else _BEFORE[order[last.name]].rstrip("s")
        hint = f"full | {last}" if kind == "compressor" else f"{last} | lora, or {last} | {_HINTS[kind]}"
        raise SpecError(f'"{text}" is a {kind}. Say what is trained: {hint}.', "E-EXPR")
    place = links.index(methods[0])
    before, after = links[:place], links[place + 1 :]
    places = [order[link.name] for link in before if link.name in order]
    strange = [link for link in after if link.name not in smaller] + [link for link in before if link.name in smaller]
    several = _BEFORE.index("structures")
    if strange or sorted(places) != places or any(places.count(place) > 1 for place in places if place != several):
        if unknown := [link.name for link in strange if link.name not in {*order, *smaller, *catalogue.names("methods")}]:
            catalogue.load("compressors", unknown[0])  # tells the nearest name
        raise SpecError(
            f'"{text}": links stand in the order teacher | prompt | structures | method | compressors, with one teacher, prompt and '
            "method, for example consensus | cloze | layers(6) | lora | shrink(layers=4).",
            "E-EXPR",
        )
    return before, methods[0], after


def _parsed(call: Call) -> Parsed:
    training = {key: value for key, value in call.kwargs.items() if key in TRAINING_OPTIONS}
    own = Call(call.name, call.args, {key: value for key, value in call.kwargs.items() if key not in TRAINING_OPTIONS})
    member = catalogue.load("methods", call.name.split(".")[0])
    return Parsed(str(parse_call(str(call))), str(own), member.from_call(own), training)
