"""A look at a prompt before any training: rows as the base reads them, the tokens of the label words, and what it answers already.

found = preview_of(study, "cloze | frozen")
found.rows[0].read[0].tokens, found.words["good"]["great"], found.rows[0].answers
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leantune.app.candidates import Field
from leantune.app.study import Study
from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.expressions import Call, parse_chain
from leantune.core.records import Recipe
from leantune.core.spec import Spec
from leantune.core.study import Job
from leantune.data.examples import ExampleChunk, Examples
from leantune.data.seen import Seen
from leantune.data.soft_tokens import FREE
from leantune.execution.anchors import SCALE
from leantune.execution.behind import cut_behind, read_behind, texts_of
from leantune.execution.context import Context
from leantune.execution.settling import settle
from leantune.execution.zero_shot import zero_shot
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Worded


class PreviewedRow(Spec):
    """A training row."""

    row: int
    """Its number in the user's file, from 1."""
    label: str
    texts: tuple[str, ...]
    read: tuple[Seen, ...]
    """What the base reads, behind each template; empty where rows are read as they are."""
    answers: dict[str, float]
    """Of every label, the best first."""


class Preview(Spec):
    """What a prompt does before anything is trained."""

    prompt: str
    """Its expression."""
    model: str
    measure: Literal["probability", "similarity"]
    """What answers are: probabilities that add up to 1; or cosines of a row and a label, both seen from the mean of all labels."""
    words: dict[str, dict[str, tuple[str, ...]]]
    """Of each label the words, with the tokens of each; or the texts that say it, where it is a point among the texts."""
    rows: tuple[PreviewedRow, ...]
    counted: int = 0
    """Training rows of which is known whether they are cut ..."""
    cut: int = 0
    """... and how many of them are."""
    longest: int = 0
    """Tokens of a row at most."""
    notes: tuple[str, ...] = ()
    """What was settled on the training rows, and what to keep in mind."""


def preview_of(study: Study, method: str, *, rows: int = 3) -> Preview:
    """See a prompt before it is trained.

    Args:
        study: as it was opened.
        method: a prompt, `cloze(calibrate=true)`, or a method behind one; the base itself answers, whatever the method.
        rows: training rows that are shown, of each label in turn.

    Raises:
        SpecError: E-EXPR without a prompt, E-METHOD where it cannot work, and what is wrong with template or words.
    """
    if rows < 1:
        raise SpecError(f"rows must be 1 or more. Got {rows}.", "E-RANGE")
    job = _job(study, method)
    context = study.context.of(job)
    assert context.worded is not None
    if reason := context.worded.unsupported:
        raise SpecError(f"{_named(job.name)}: {reason}.", "E-METHOD")
    context, notes = settle(context, job)
    train = context.dataset.splits["train"]
    places = _of_each_label(np.asarray(train.gold), rows)
    logits = zero_shot(context, job, _chunk(train, places))
    worded = context.worded
    assert worded is not None
    shown = tuple(_row(context, train, place, own) for place, own in zip(places, logits, strict=True))
    cut = cut_behind(context, train)
    return Preview(
        prompt=_named(job.name),
        model=study.conditions.model,
        measure="similarity" if worded.head.anchored else "probability",
        words=_words(context, worded),
        rows=shown,
        counted=len(cut),
        cut=sum(cut),
        longest=study.conditions.max_length,
        notes=(*notes, *_cautions(worded)),
    )


class Reading(Spec):
    """A training row as a prompt makes it."""

    prompt: str
    """Its expression."""
    label: str
    row: int
    """Its number in the user's file, from 1."""
    read: tuple[Seen, ...]
    """What the base reads, behind each template."""


def readings_of(field: Field, study: Study) -> Iterator[Reading]:
    """The first training row behind each prompt of a field that changes the text, as the first trial settles it; nothing is trained.

    Args:
        field: the methods.
        study: as it was opened.
    """
    seen = set[str]()
    for candidate in field.candidates:
        worded, recipe = candidate.worded, candidate.recipe(candidate.planned_rates[0], steps=1, looks=1)
        if worded is None or worded.pieces is None or (prompt := str(_prompt_of(candidate.parsed.expression))) in seen:
            continue
        seen.add(prompt)
        job = Job(name=prompt, expression=recipe.method, phase="final", recipe=recipe, seed=study.spec.seeds[0])
        context, _ = settle(study.context.of(job), job)
        split = "train" if len(context.dataset.splits["train"]) else "dev"
        rows = context.dataset.splits[split]
        read = read_behind(context, texts_of(rows.take([0])[0]))
        yield Reading(prompt=prompt, label=context.dataset.labels[int(rows.gold[0])], row=int(rows.rows[0]), read=read)


def _prompt_of(expression: str) -> Call:
    """The link of an expression that is a prompt."""
    return next(link for link in parse_chain(expression) if link.name in catalogue.names("prompts"))


def _job(study: Study, method: str) -> Job:
    """A trial of the prompt in which nothing is trained."""
    first, *others = parse_chain(method)
    if first.name.split(".")[0] in catalogue.names("methods"):
        raise SpecError(f'"{method}" has no prompt, so there is nothing to see. Put one before it: cloze | {method}.', "E-EXPR")
    catalogue.load("prompts", first.name)
    parsed, setting = parse_method(f"{first} | frozen"), study.setting()
    if others:
        parse_method(method)  # a typo is told
    said: dict[str, Any] = {"wording": setting.wording, "generator": setting.generator}
    recipe = Recipe(task=study.conditions.task, method=parsed.expression, lr=1e-3, steps=1, **said)
    return Job(name=parsed.name, expression=parsed.expression, phase="final", recipe=recipe, seed=study.spec.seeds[0])


def _named(name: str) -> str:
    """The prompt of a method's name."""
    return name.rpartition(" | ")[0]


def _of_each_label(gold: NDArray[np.int64], count: int) -> list[int]:
    """The first row of each label, then the second ones, as many as wanted, in the order of the file."""
    before, turns = Counter[int](), list[tuple[int, int]]()
    for place, label in enumerate(gold.tolist()):
        turns.append((before[label], place))
        before[label] += 1
    return sorted(place for _, place in sorted(turns)[:count])


def _chunk(train: Examples, places: Sequence[int]) -> ExampleChunk:
    taken = train.take(places)
    return ExampleChunk([first for first, _ in taken], [str(second) for _, second in taken] if train.pairs is not None else None)


def _row(context: Context, train: Examples, place: int, logits: NDArray[np.float32]) -> PreviewedRow:
    labels, texts = context.dataset.labels, texts_of(train.take([place])[0])
    values = logits / SCALE if context.head.anchored else _probabilities(logits)
    return PreviewedRow(
        row=int(train.rows[place]),
        label=labels[int(train.gold[place])],
        texts=tuple(texts),
        read=read_behind(context, texts),
        answers={labels[label]: float(values[label]) for label in np.argsort(-values, kind="stable")},
    )


def _probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = np.exp(logits - logits.max())
    found: NDArray[np.float32] = raised / raised.sum()
    return found


def _words(context: Context, worded: Worded) -> dict[str, dict[str, tuple[str, ...]]]:
    said: Sequence[Sequence[Any]] = worded.said
    if not said:
        names = context.base.tokenizer.convert_ids_to_tokens
        said = [[tuple(map(str, names([token for run in word for token in run]))) for word in own] for own in worded.head.words]
    found = worded.setting.wording.words
    return {
        label: {word: tuple(texts) for word, texts in zip(found[label], own, strict=True)}
        for label, own in zip(worded.setting.labels, said, strict=True)
    }


def _cautions(worded: Worded) -> list[str]:
    softened, said = worded.head.soft_tokens, worded.prompt.cautions(worded.setting)
    if softened is None or FREE not in softened.starts:
        return said
    return [*said, "soft tokens that start from no words mean nothing before they are trained, and the answers here are with them"]
