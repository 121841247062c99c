"""Candidate: a method with everything needed to make its recipes and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from leantune.app.options import REFERENCE, Options
from leantune.comparison.race import rates
from leantune.core import catalogue
from leantune.core.digest import file_digest
from leantune.core.expressions import parse_call
from leantune.core.recipe import Distilling, Recipe, Teaching
from leantune.core.records import Phase
from leantune.core.study import Job
from leantune.kinds.method import Parsed, Rates
from leantune.kinds.prompt import Worded


@dataclass(frozen=True)
class Candidate:
    """A method with everything needed to make its recipes."""

    parsed: Parsed
    rates: Rates
    params: int
    """Trained parameters without the head."""
    options: Options
    task: str
    worded: Worded | None = None
    """Its prompt; None without one."""
    races: bool = True
    """Whether dev may choose its learning rate."""
    soft_alone: bool = False
    """Whether nothing is trained but the soft tokens of its prompt (and a head), so that the learning rate is theirs."""
    longer: float = 1.0
    """Its trials have this times the steps that the plan gives to all."""
    teaching: Teaching | None = None
    """What its teacher needs; None without one."""
    distilling: Distilling | None = None
    """Whom it imitates; None without a teacher of that kind. The recipes of those that the study trains come with `taught_by`."""
    mentors: tuple[Candidate, ...] = ()
    """The methods that it imitates."""

    @property
    def name(self) -> str:
        """As the user wrote it."""
        return self.parsed.name

    @property
    def is_reference(self) -> bool:
        """Whether it is full fine-tuning, under whatever options."""
        return is_reference(self.parsed)

    @property
    def raced(self) -> bool:
        """Whether the learning rate is to be found."""
        return self.races and self._open

    @property
    def usual(self) -> bool:
        """Whether it is the usual one of the method, neither found nor given."""
        return not self.races and self._open

    @property
    def _open(self) -> bool:
        return "lr" not in self.parsed.training and self.rates.low < self.rates.high

    @property
    def planned_rates(self) -> list[float]:
        """The rates of the race, or the one that the user fixed."""
        if not self.raced:
            return [float(self.parsed.training.get("lr", self.rates.start))]
        return rates(self.rates.low, self.rates.start, self.rates.high)

    def taught_by(self, rates: Mapping[str, float], *, steps: int, looks: int) -> Candidate:
        """With the recipes of its teachers, which are trained at full length.

        Args:
            rates: that were found for methods of the table; others learn at their usual ones.
            steps: of a full-length training.
            looks: at dev.
        """
        if self.distilling is None:
            return self
        mentors = [one.taught_by(rates, steps=steps, looks=looks) for one in self.mentors]
        usual = [float(one.parsed.training.get("lr", one.rates.start)) for one in mentors]
        recipes = tuple(
            one.recipe(rates.get(one.name, rate), steps=round(steps * one.longer), looks=looks)
            for one, rate in zip(mentors, usual, strict=True)
        )
        named = {"teachers": recipes, "names": tuple(one.name for one in mentors)}
        return replace(self, distilling=self.distilling.model_copy(update=named))

    def recipe(self, lr: float, *, steps: int, looks: int) -> Recipe:
        """The recipe at one learning rate."""
        card, given = self.parsed.method.card, dict(self.parsed.training)
        own = None if self.worded is None else self.worded.rates
        of_method = card.rates.start if self.soft_alone else lr
        task = catalogue.load("tasks", self.task)
        given.pop("lr", None)
        values = {
            "task": self.task,
            "method": self.parsed.expression,
            "lr": lr,
            "head_lr": max(card.head_factor * of_method, card.head_floor),
            "soft_lr": None if own is None or self.soft_alone else own.low,
            "weight_decay": card.weight_decay,
            "optimizer": self.options.optimizer,
            "schedule": self.options.schedule,
            "steps": steps,
            "evaluations": looks,
            "batch_rows": self.options.batch,
            "dropout": self.options.dropout,
            "decoding": self.options.decoding if task.writes else None,
            "masking": self.options.masking if task.redraws else None,
            "wording": None if self.worded is None else self.worded.setting.wording,
            "generator": self.worded.setting.generator if self.worded and self.worded.prompt.generates else None,
            "teaching": self.teaching,
            "distilling": self.distilling,
            "vectors": vectors_of(self.parsed),
        }
        return Recipe.build(self.name, values | given)

    def job(self, lr: float, *, phase: Phase, seed: int, steps: int, looks: int, measure: bool = True) -> Job:
        """One trial of this method."""
        recipe = self.recipe(lr, steps=round(steps * self.longer), looks=looks)
        expression = self.parsed.expression
        if phase == "race":  # rates are those of the training; what makes the trained model smaller has none
            expression = self.parsed.uncompressed
            recipe = recipe.model_copy(update={"method": expression})
        return Job(name=self.name, expression=expression, phase=phase, recipe=recipe, seed=seed, measure=measure)


def vectors_of(parsed: Parsed) -> str | None:
    """Digest of the file of word vectors that a student starts from; None without one, and for one that is missing, which is told later."""
    student = next((one.student for _, one in parsed.structures if one.student), None)
    file = Path(student.vectors).expanduser() if student and student.vectors else None
    if file is None or not file.is_file():
        return None
    state = file.stat()
    return _content(file.resolve(), state.st_mtime_ns, state.st_size)


@cache
def _content(file: Path, changed: int, size: int) -> str:
    """Read once for each state of the file, because these files are large."""
    del changed, size
    return file_digest(file)


def is_reference(parsed: Parsed) -> bool:
    """Whether the expression is full fine-tuning of a head and all below it, under whatever options."""
    bare = parsed.prompt is None and parsed.teacher is None and parsed.distiller is None
    return bare and not parsed.compressors and not parsed.structures and parse_call(parsed.expression).name == REFERENCE
