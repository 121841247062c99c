"""Reasons: why a method cannot take part in a study, in one line each; None where it can."""

from __future__ import annotations

from leantune.app.options import Options
from leantune.kinds.distiller import Distiller, is_folder
from leantune.kinds.method import Parsed, parse_method
from leantune.kinds.prompt import Worded
from leantune.kinds.solver import Solver
from leantune.kinds.structure import is_of_the_run
from leantune.models.anatomy import Anatomy
from leantune.models.base import Base
from leantune.models.build import layout
from leantune.models.four_bit import need, unpackable
from leantune.models.heads import VOCABULARY, HeadSpec, is_transducer


def unworded(parsed: Parsed, worded: Worded | None) -> str | None:
    """Why the prompt of a method cannot work here."""
    if parsed.prompt is None:
        return None
    if worded is None:
        return "a mixture of tasks has no prompt; compare the task alone"
    if reason := worded.unsupported:
        return reason
    worded.pieces  # noqa: B018  what is wrong with template or words is told now
    return None


def unlearned(parsed: Parsed, worded: Worded | None, *, trains: bool, taught: bool) -> str | None:
    """Why a method has nothing to go by where there is no labelled row.

    Args:
        parsed: the method.
        worded: its prompt.
        trains: whether soft tokens of its prompt are trained.
        taught: whether others label rows for it.
    """
    if worded is not None and worded.prompt.settles:
        return "its prompt looks at labelled rows, and there are none: use anchors(words=given), and a cloze that settles nothing"
    learns = trains or not parsed.method.card.untrained or worded is None or worded.head.soft
    return "needs labelled rows, and there are none" if learns and parsed.teacher is None and not taught else None


def unsolvable(parsed: Parsed, head: HeadSpec) -> str | None:
    """Why a head that is computed in one go cannot be."""
    if not isinstance(parsed.method, Solver):
        return None
    if head.problem != "single_label_classification":
        return "computes a head for rows that have one label each; use head"
    if head.kind in VOCABULARY and not head.soft:
        return "computes a head on states, and this prompt reads words; use cloze(verbalizer=soft)"
    return None


def headless(base: Base, head: HeadSpec, *, outside: bool) -> str | None:
    """Why no head can stand outside of a base: of an encoder-decoder its own class alone knows what the decoder is to read."""
    if not is_transducer(base.config) or layout(base, head.kind, prepends=outside) == "stock":
        return None
    what = f"{base.name} is an encoder-decoder, which labels texts by the head of its own class alone"
    return f"{what}; use head, lora ... on one task with --pooling stock, or an encoder"


def not_whole(parsed: Parsed, anatomy: Anatomy) -> str | None:
    """Why what is trained cannot be a whole model of its own, where it must be: on other layers, and to be made smaller."""
    if is_of_the_run(parsed.structures) and not parsed.method.card.mergeable:
        return f"{parsed.method_name} cannot be folded into the weights, and other layers are stored with what is trained on them"
    if not parsed.compressors:
        return None
    if not parsed.method.card.mergeable:
        return f"{parsed.method_name} cannot be folded into the weights, so nothing can compress it"
    reasons = ((link, compressor.unsupported(anatomy)) for link, compressor in parsed.compressors)
    return next((f"{link}: {reason}" for link, reason in reasons if reason), None)


def unnumbered(parsed: Parsed, options: Options) -> str | None:
    """Why tokens cannot be numbered anew."""
    link = next((link for link, compressor in parsed.compressors if compressor.renumbers), None)
    if link is None:
        return None
    if parsed.prompt is not None:
        return f"{link}: the words of a prompt are tokens of the base; leave the prompt out"
    if "compress" in (options.long or ""):
        return f"{link}: --long compress asks the base what it expected, by its own tokens; choose another way"
    return None


def unbodied(parsed: Parsed, head: HeadSpec, options: Options) -> str | None:
    """Why a student without attention cannot do what is asked for."""
    student = next((one.student for _, one in parsed.structures if one.student), None)
    if student is None:
        return None
    if parsed.prompt is not None:
        return "a prompt asks what the base has learned, of which a student has nothing but its embeddings; leave the prompt out"
    if head.kind in VOCABULARY or head.kind == "span":
        return "a student has no head for words or for answers in a text; it gives rows and words their labels"
    if head.kind == "token" and student.kind == "bag":
        return "a bag does not know where a word stands; use student(lstm)"
    if "compress" in (options.long or ""):
        return "--long compress asks the base what it expected, and a student expects nothing; choose another way"
    return "it is small as it is: there are no layers to compress" if parsed.compressors else None


def off_four_bits(parsed: Parsed, anatomy: Anatomy) -> str | None:
    """Why a method cannot stand on a base in 4 bits.

    Raises:
        SpecError: E-EXTRA without bitsandbytes.
    """
    link = next((link for link, structure in parsed.structures if structure.packing), None)
    if link is None:
        return None
    need(link)
    if not parsed.method.card.four_bit:
        return f"peft has no form of {parsed.method_name} for linear maps in 4 bits; use lora, adalora or ia3"
    reason = unpackable(anatomy)
    return None if reason is None else f"{anatomy.architecture} cannot be packed into 4 bits: {reason}"


def untouchable(parsed: Parsed, anatomy: Anatomy) -> str | None:
    """Why a method cannot work on a body without layers."""
    if anatomy.blocks or parsed.method.cost(anatomy) in (0, anatomy.body_params):
        return None
    return "a student has no layers to train a part of; use full or head"


def unteachable(parsed: Parsed, asked: Distiller, anatomy: Anatomy, *, few_shot: int | None) -> str | None:
    """Why a method cannot imitate anybody."""
    if isinstance(parsed.method, Solver) or parsed.method.card.untrained:
        return "nothing of it is trained step by step, so it can imitate nobody; use full, lora or head"
    if few_shot == 0:
        return "needs labelled rows, and there are none"
    if not asked.inside:
        return None
    if not anatomy.blocks:
        return "a student without attention has no layers to compare with those of the teacher; use match=logits"
    if parsed.method.card.prepends or not parsed.method.cost(anatomy):
        return "inside of the bodies only what is trained there can be compared, on the same tokens; use match=logits"
    return None


def lessons(parsed: Parsed) -> int:
    """How many teachers stand behind each other, so that each is known before its students."""
    if parsed.distiller is None:
        return 0
    return 1 + max((lessons(parse_method(one)) for one in parsed.distiller.teacher if not is_folder(one)), default=0)


def too_long(parsed: Parsed, base: Base) -> str | None:
    """Why virtual tokens and rows do not go into the context together."""
    virtual = parsed.method.virtual_tokens()
    if virtual + base.max_length <= base.context:
        return None
    left = base.context - virtual
    return f"{virtual} virtual tokens and rows of {base.max_length} exceed the context of {base.context}; use --max-length {left}"
