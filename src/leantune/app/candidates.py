"""Candidates: the methods of a comparison, read from their expressions, those that cannot work here left out with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from leantune.app.candidate import Candidate as Candidate
from leantune.app.candidate import is_reference
from leantune.app.experts import Lesson, experts_of
from leantune.app.options import Options
from leantune.app.reasons import (
    headless,
    lessons,
    not_whole,
    off_four_bits,
    too_long,
    unbodied,
    unlearned,
    unnumbered,
    unsolvable,
    unteachable,
    untouchable,
    unworded,
)
from leantune.app.study import Study
from leantune.core.budget import parse_budget
from leantune.core.errors import LeantuneError, SpecError, raise_together, some
from leantune.core.human import count
from leantune.core.recipe import Distilling, Expert, Recipe, Teaching
from leantune.data.unlabelled_rows import OWN, Unlabelled, own_texts
from leantune.execution.teaching import view_name
from leantune.kinds.distiller import Distiller, is_folder
from leantune.kinds.method import Parsed, parse_method
from leantune.kinds.prompt import Setting, Worded
from leantune.kinds.teacher import Teacher, View
from leantune.models.anatomy import Anatomy
from leantune.models.base import Base
from leantune.models.build import anatomy_of
from leantune.models.heads import VOCABULARY, HeadKind, HeadSpec
from leantune.models.matching import unmatched


@dataclass(frozen=True)
class Field:
    """Who takes part, and who was left out before anything ran."""

    candidates: list[Candidate]
    left_out: dict[str, str] = field(default_factory=dict)

    def refuse_if_empty(self, base: Base) -> None:
        """Raise SpecError (E-METHOD) with every reason when nobody is left."""
        if not self.candidates:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self.left_out.items())
            raise SpecError(f"None of the methods can work on {base.name}: {reasons}", "E-METHOD")


@dataclass(frozen=True)
class _Door:
    """Checks methods against the base's anatomy."""

    base: Base
    head: HeadSpec
    task: str
    options: Options
    outside: bool
    races: bool
    unlabelled: Unlabelled | None
    altered: Callable[[Parsed], Base] | None
    taught: bool = False
    """Whether others label rows for it, where there is no labelled one."""
    anatomies: dict[tuple[str, HeadKind, bool, bool], Anatomy] = field(default_factory=dict)

    def admit(self, one: Parsed, setting: Setting | None) -> Candidate | str:
        """The candidate, or why it cannot take part; a fault of the prompt is raised."""
        if one.structures and self.altered is None:
            return "a mixture of tasks keeps the layers of its base; compare the task alone"
        if reason := unbodied(one, self.head, self.options) or unnumbered(one, self.options):
            return reason
        base = self.altered(one) if one.structures and self.altered else self.base
        worded = Worded(one.prompt, replace(setting, base=base)) if one.prompt and setting else None
        if reason := unworded(one, worded):
            return reason
        own, prepends = self.head if worded is None else worded.head, self.outside or one.method.card.parts_head
        anatomy = self._anatomy(base, own, prepends=prepends)
        if (
            reason := headless(base, own, outside=prepends)
            or one.method.unsupported(anatomy)
            or unsolvable(one, own)
            or too_long(one, base)
            or untouchable(one, anatomy)
            or off_four_bits(one, anatomy)
            or not_whole(one, anatomy)
        ):
            return reason
        params, soft = one.method.cost(anatomy), worded.cost(anatomy) if worded else 0
        if reason := _too_many(one, self.options, params + soft):
            return reason
        if self.options.few_shot == 0 and (reason := unlearned(one, worded, trains=bool(soft), taught=self.taught)):
            return reason
        teaching = None if one.teacher is None else self._teaching(one, one.teacher, own, setting, trains=bool(soft or own.soft))
        if isinstance(teaching, str):
            return teaching
        distilling = None if one.distiller is None else self._distilling(one, one.distiller, base, anatomy, setting)
        if isinstance(distilling, str):
            return distilling
        alone = worded.rates if worded and not params else None
        allowed = alone or one.method.rates(anatomy)
        found = Candidate(one, allowed, params + soft, self.options, self.task, worded, self.races, alone is not None, teaching=teaching)
        found = found if distilling is None else replace(found, distilling=distilling[0], mentors=distilling[1])
        found.recipe(found.planned_rates[0], steps=1, looks=1)  # an option out of range is told now
        return found

    def _anatomy(self, base: Base, own: HeadSpec, *, prepends: bool) -> Anatomy:
        key = (base.location.source, own.kind, prepends, own.anchored)
        if key not in self.anatomies:
            self.anatomies[key] = anatomy_of(base, own, prepends=prepends)
        return self.anatomies[key]

    def _distilling(
        self, one: Parsed, asked: Distiller, base: Base, anatomy: Anatomy, setting: Setting | None
    ) -> tuple[Distilling, tuple[Candidate, ...]] | str:
        """Whom a method imitates, methods admitted like those of the table; or why it cannot."""
        if setting is None:
            return "a mixture of tasks has no teacher; compare the task alone"
        if reason := unteachable(one, asked, anatomy, few_shot=self.options.few_shot):
            return reason
        mentors, experts = list[Candidate](), list[Expert]()
        own = self.head if one.prompt is None else Worded(one.prompt, setting).head
        tokens = asked.inside or own.kind in ("token", "span") or (own.kind in VOCABULARY and one.prompt is None)
        lesson = Lesson(self.task, setting.labels, base, tokens)
        for teacher in asked.teacher:
            if is_folder(teacher):
                experts += experts_of(teacher, lesson)
                continue
            found = self.admit(parse_method(teacher), setting)
            if isinstance(found, str):
                return f"its teacher {teacher}: {found}"
            if asked.inside and (reason := unmatched(anatomy, self._seen(found, setting), asked.match)):
                return reason
            mentors.append(found)
        pool = None if self.unlabelled is None or self.unlabelled.digest == OWN else self.unlabelled.digest
        if pool is not None and own.kind == "text" and one.prompt is None and len(mentors) + len(experts) > 1:
            return "a row without labels gets its text from one teacher, and these would write different ones; name one of them"
        return Distilling(experts=tuple(experts), unlabelled=pool), tuple(mentors)

    def _seen(self, found: Candidate, setting: Setting) -> Anatomy:
        """Of a teacher."""
        parsed = found.parsed
        base = self.altered(parsed) if parsed.structures and self.altered else setting.base
        return self._anatomy(base, self.head, prepends=self.outside or parsed.method.card.parts_head)

    def _teaching(self, one: Parsed, teacher: Teacher, head: HeadSpec, setting: Setting | None, *, trains: bool) -> Teaching | str:
        """What the teacher of a method needs, its views admitted like methods of their own.

        Args:
            one: the method.
            teacher: its teacher.
            head: that it ends in.
            setting: what prompts are made for.
            trains: whether its prompt brings something that is trained.
        """
        if setting is None:
            return "a mixture of tasks has no teacher; compare the task alone"
        if head.problem != "single_label_classification":
            return f"a teacher says how likely each label of a row is, and {self.task} has no single one"
        if one.method.card.untrained and not trains:
            return "nothing of it is trained, so no teacher can teach it anything; use head or lora"
        if head.contrast is not None:
            return "contrast compares rows by their labels, and a teacher gives shares of them; leave loss=contrast out"
        if self.unlabelled is None:
            raise SpecError(f"{one.name}: a teacher judges rows without labels. Give them with --unlabelled FILE.", "E-OPTION")
        labelled = self.options.few_shot != 0
        views = self._views(teacher, teacher.panel(setting, labelled=labelled), setting)
        later = replace(self, taught=True)._views(teacher, teacher.later(setting, labelled=labelled), setting)
        if isinstance(views, str) or isinstance(later, str):
            return views if isinstance(views, str) else str(later)
        if teacher.after and len({view_name(one) for one in views + later}) == 1:
            return "it has one view, and in a further generation each learns from others; name more with views=[...] or give more templates"
        return Teaching(unlabelled=self.unlabelled.digest, rows=self.unlabelled.rows, views=views, later=later)

    def _views(self, teacher: Teacher, panel: Sequence[View], setting: Setting) -> tuple[Recipe, ...] | str:
        """Recipes of the views; or why one cannot take part."""
        views = []
        for view in panel:
            found = self.admit(parse_method(view.expression), replace(setting, wording=view.wording))
            if isinstance(found, str):
                return f"its view {view.expression}: {found}"
            rate = float(found.parsed.training.get("lr", found.rates.start))
            views.append(found.recipe(rate, steps=teacher.steps, looks=1))
        return tuple(views)


def field_of(
    parsed: Sequence[Parsed],
    base: Base,
    head: HeadSpec,
    task: str,
    options: Options,
    *,
    outside: bool = False,
    setting: Callable[[], Setting] | None = None,
    races: bool = True,
    unlabelled: Unlabelled | None = None,
    usual: bool = False,
    altered: Callable[[Parsed], Base] | None = None,
) -> Field:
    """Check every method against the base's anatomy; the reference comes first.

    Args:
        parsed: the methods.
        base: the base model.
        head: of the task.
        task: its name.
        options: of the study.
        outside: whether the head stands outside of the body anyhow.
        setting: what prompts are made for; None where there is no room for any.
        races: whether dev may choose learning rates.
        unlabelled: rows for teachers.
        usual: whether nobody named methods, templates or words, so that those which do not go with the labels are left out.
        altered: the base with the layers that a method wants; None where it keeps its own.

    Raises:
        SpecError: when no method can work, and for what is wrong with a prompt, a teacher or a structure.
    """
    door = _Door(base, head, task, options, outside, races, unlabelled, altered)
    made = setting() if setting and any(one.prompt or one.teacher or one.distiller for one in parsed) else None
    found, faults = Field([]), list[LeantuneError]()
    for one in sorted(parsed, key=lambda one: (not is_reference(one), lessons(one))):
        try:
            admitted = _admitted(door, one, made) if usual else door.admit(one, made)
        except LeantuneError as error:
            faults.append(error)
            continue
        if isinstance(admitted, str):
            found.left_out[one.name] = admitted
        else:
            found.candidates.append(admitted)
    raise_together("methods", faults)
    found.refuse_if_empty(base)
    return found


def _admitted(door: _Door, one: Parsed, setting: Setting | None) -> Candidate | str:
    """The same with what is wrong with a prompt as a reason to leave the method out."""
    try:
        return door.admit(one, setting)
    except SpecError as error:
        return error.message


def field_in(study: Study, parsed: Sequence[Parsed], *, named: bool = True) -> Field:
    """The methods of a study.

    Args:
        study: the study.
        parsed: the methods.
        named: whether the user named them.
    """
    task, races = study.conditions.task, study.chooses_on_dev
    own = own_texts(study.sizes["train"]) if study.sizes["train"] else None
    usual = not (named or study.options.prompt or study.options.labels)
    more: dict[str, Any] = {"setting": study.setting, "races": races, "unlabelled": study.unlabelled or own, "usual": usual}
    more |= {"altered": study.altered}
    return field_of(parsed, study.base, study.context.head, task, study.options, **more)


def idle_options(options: Options, parsed: Sequence[Parsed]) -> list[str]:
    """A line where templates or words were given that no method reads; a study may be compared with other methods later."""
    idle = [f"--{name}" for name in ("prompt", "labels") if getattr(options, name)]
    if not idle or any(one.prompt or one.teacher or one.distiller for one in parsed):
        return []
    message = f"{some(idle)}: none of the methods reads it; add one that does, such as"
    return [f'{message} "cloze | lora" (a language model) or "anchors | averaged" (a sentence encoder)']


def lengthened(found: Field, options: Options) -> Field:
    """Methods that learn slowly with more steps than the others, unless the user gave a number to all; few rows have enough as it is."""
    if parse_budget(options.budget_text).steps is not None or options.few_shot is not None:
        return found
    return replace(found, candidates=[_lengthened(one) for one in found.candidates])


def _lengthened(one: Candidate) -> Candidate:
    return replace(one, longer=one.parsed.method.card.longer, mentors=tuple(map(_lengthened, one.mentors)))


def _too_many(parsed: Parsed, options: Options, params: int) -> str | None:
    most = options.limits.max_trainable
    if most is None or params <= most or is_reference(parsed):
        return None
    return f"trains {count(params)} parameters, over --max-trainable {count(most)}"
