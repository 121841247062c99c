"""What a cloze prompt finds before the training: template, words, demonstrations, and what words get where no text stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import some
from leantune.core.wording import Demonstration, Wording
from leantune.data.examples import ExampleChunk
from leantune.data.few_shot import FEWEST
from leantune.data.label_words import Word, whole_words
from leantune.data.pieces._cloze import Cloze, Masked, Shown
from leantune.data.template import Template
from leantune.kinds.prompt import Oracle, Rows, Setting, Settled, Worded
from leantune.prompts._demonstrations import drawn
from leantune.prompts._generated import AVERAGED, Ways, generated
from leantune.prompts._templates import Answers, Choose, best_of
from leantune.prompts._words import Pool, Vocabulary, as_given, by_likelihood_ratio, by_rank, expanded, without_rare

NOTHING = ("N/A", "")
"""What stands for a text where there is none (Zhao et al. 2021, arXiv:2102.09690); of a masked model a mask does too."""
_ROOM = 0.9
"""Share of the training rows that demonstrations leave whole; they take half of the room at least."""


class Options(Protocol):
    """A cloze prompt, as far as it is needed here."""

    @property
    def verbalizer(self) -> str:
        """manual, auto, knowledge or soft."""
        ...

    @property
    def template(self) -> int | str:
        """A number, best, all or generated."""
        ...

    @property
    def candidates(self) -> int:
        """Templates that are generated."""
        ...

    @property
    def beams(self) -> int:
        """Beginnings of them that are followed at the same time."""
        ...

    @property
    def calibrate(self) -> bool:
        """Whether priors are wanted."""
        ...

    @property
    def words(self) -> int:
        """Words of each label that are found or added."""
        ...

    @property
    def demonstrations(self) -> int:
        """Rows of each label that are shown."""
        ...

    def sources(self, setting: Setting) -> tuple[str, ...]:
        """The templates in question, as they are written."""
        ...

    def templates(self, setting: Setting) -> list[Template]:
        """The same taken apart."""
        ...

    def members(self, setting: Setting) -> list[Cloze]:
        """The pieces behind each template."""
        ...

    def at_end(self, setting: Setting) -> bool:
        """Whether the word must stand behind everything."""
        ...

    def tokens(self, setting: Setting) -> tuple[tuple[Word, ...], ...]:
        """Tokens of the words of each label."""
        ...


@dataclass(frozen=True)
class Settling:
    """What is found for one prompt, step by step."""

    worded: Worded
    options: Options
    """Of the prompt, and what it makes of a setting."""
    rows: Rows
    oracle: Oracle
    seed: int

    def run(self) -> Settled:
        """Template, words, demonstrations and priors, in this order: each is found with those before it."""
        templates, notes = self.templates()
        wording, of_words = self.with_words(templates)
        wording, of_rows = self.with_demonstrations(wording)
        wording, of_priors = self.with_priors(wording)
        return Settled(wording, [*notes, *of_words, *of_rows, *of_priors])

    def templates(self) -> tuple[tuple[str, ...], list[str]]:
        """Those that are used, and why."""
        sources, notes = self._sources()
        if self.options.template not in ("best", "generated") or len(sources) == 1:
            return sources, notes
        if np.bincount(self.rows.gold, minlength=len(self.worded.setting.labels)).min() < FEWEST:
            averaged = self._alike(sources)[:AVERAGED] if self.options.template == "generated" else sources
            which = f"all {len(averaged)}" if averaged == sources else f"the first {len(averaged)}"
            reason = f"with fewer than {FEWEST} training rows of a label a choice among them is noise"
            return averaged, [*notes, f"{which} templates are averaged: {reason}"]
        answers = list[Answers]()
        for source in sources:
            said = self._said((source,))
            pool = self._pool(said)
            priors = self._priors(said, pool.tokens) if self.options.calibrate else np.zeros(len(pool.said), np.float32)
            answers.append(Answers(source, self.oracle.likely(said, pool.tokens, self.rows.chunk), priors, self._choose(pool)))
        found, note = best_of(answers, self.rows.gold, self.seed)
        return (found,), [*notes, note]

    def _sources(self) -> tuple[tuple[str, ...], list[str]]:
        """The templates in question, generated where that is wanted."""
        setting = self.worded.setting
        if self.options.template != "generated":
            return self.options.sources(setting), []
        ways = Ways(self.options.at_end(setting), self.options.beams, self.options.candidates)
        found, note = generated(setting, self.rows, self.oracle, ways, seed=self.seed)
        return tuple(found), [note]

    def _alike(self, sources: tuple[str, ...]) -> tuple[str, ...]:
        """Those behind which the words of the labels are the same tokens as behind the first, so that they can be averaged."""
        first, *others = ((source, self.options.tokens(self._said((source,)).setting)) for source in sources)
        return (first[0], *(source for source, tokens in others if tokens == first[1]))

    def with_words(self, templates: tuple[str, ...]) -> tuple[Wording, list[str]]:
        """The words of each label."""
        said = self._said(templates)
        if self.options.verbalizer not in ("auto", "knowledge"):
            return said.setting.wording, []
        pool, labels = self._pool(said), self.worded.setting.labels
        places = self._choose(pool)(self.oracle.likely(said, pool.tokens, self.rows.chunk), self.rows.gold)
        words, notes = pool.named(places, labels), list(pool.notes)
        found = "; ".join(f"{label}: {', '.join(own)}" for label, own in words.items())
        kept = {word for own in words.values() for word in own}
        if harmful := [word for word in pool.said if word in pool.given and word not in kept]:
            notes.append(f"given words were dropped, which rank the rows of their label below the others: {some(harmful)}")
        if chance := [word for word in pool.said if pool.given and word not in pool.given and word not in kept]:
            notes.append(
                f"{len(chance)} added ones are no better than chance, or more than {self.options.words} of a label ({some(chance)})"
            )
        return said.setting.wording.model_copy(update={"words": words}), [
            f"label words: {found}",
            *(f"label words: {note}" for note in notes),
        ]

    def with_demonstrations(self, wording: Wording) -> tuple[Wording, list[str]]:
        """The rows that are shown, where any are."""
        each = self.options.demonstrations
        if not each:
            return wording, []
        setting, chunk = self.worded.saying(wording).setting, self.rows.chunk
        texts = list(zip(chunk.texts, chunk.pairs, strict=True)) if chunk.pairs is not None else [(text,) for text in chunk.texts]
        rows = [Demonstration(label=setting.labels[gold], texts=own) for gold, own in zip(self.rows.gold, texts, strict=True)]
        lengths, budget = list[list[int]](), list[int]()
        for member in self.options.members(setting):
            said = [member.joint + shown(member.prompt, row, wording).said for row in rows]
            alone = [member.rendered([*own, ""]).text for own in texts]
            lengths.append(setting.base.count_bare(said))
            whole = int(np.quantile(setting.base.count_tokens(alone), _ROOM, method="higher"))
            budget.append(setting.base.max_length - min(whole, setting.base.max_length // 2))
        places, note = drawn(np.max(lengths, axis=0), self.rows.gold, setting.labels, min(budget), each=each, seed=self.seed)
        return wording.model_copy(update={"demonstrations": tuple(rows[place] for place in places)}), [note]

    def with_priors(self, wording: Wording) -> tuple[Wording, list[str]]:
        """What each word gets where no text stands."""
        if not self.options.calibrate:
            return wording, []
        said = self.worded.saying(wording)
        words = self.options.tokens(said.setting)
        flat = iter(self._priors(said, [word for own in words for word in own]).tolist())
        priors = {label: tuple(float(next(flat)) for _ in own) for label, own in zip(self.worded.setting.labels, words, strict=True)}
        means = ", ".join(f"{label} {np.mean(own):.1f}" for label, own in priors.items())
        note = f"calibrated: mean log-probability of the words where no text stands, which is subtracted: {means}"
        return wording.model_copy(update={"priors": priors}), [note]

    def _said(self, templates: tuple[str, ...]) -> Worded:
        """The prompt with these templates, nothing found yet."""
        words = {} if self.options.verbalizer == "auto" else self.worded.setting.wording.words
        return self.worded.saying(Wording(templates=templates, words=words, settled=True))

    def _pool(self, said: Worded) -> Pool:
        """Words among which those of the labels are chosen."""
        tokenizer, (template, *_) = self.worded.setting.base.tokenizer, self.options.templates(said.setting)
        if self.options.verbalizer == "auto":
            return Pool.of_all(whole_words(tokenizer, template))
        pool = Pool.of_labels(said.setting.wording.words, self.options.tokens(said.setting))
        if self.options.verbalizer != "knowledge":
            return pool
        pool = expanded(pool, self.worded.setting.labels, Vocabulary(whole_words(tokenizer, template), self.oracle.embedding()))
        return without_rare(pool, self._priors(said, pool.tokens))

    def _choose(self, pool: Pool) -> Choose:
        labels, count = self.worded.setting.labels, self.options.words
        if self.options.verbalizer == "auto":
            return partial(by_likelihood_ratio, pool, labels=labels, count=count)
        if self.options.verbalizer == "knowledge":
            return partial(by_rank, pool, labels=labels, count=count)
        return partial(as_given, pool, labels=labels)

    def _priors(self, said: Worded, words: Sequence[Word]) -> NDArray[np.float32]:
        masked = isinstance(self.options.members(said.setting)[0], Masked)
        nothing = [*NOTHING, *([str(self.worded.setting.base.tokenizer.mask_token)] if masked else [])]
        pairs = nothing if 1 in self.worded.setting.columns.values() else None
        found: NDArray[np.float32] = self.oracle.likely(said, words, ExampleChunk(nothing, pairs)).mean(axis=0)
        return found


def shown(template: Template, one: Demonstration, wording: Wording) -> Shown:
    """A demonstration in the words of a template, with the first word of its label."""
    word = wording.words[one.label][0]
    parts = [word] if template.masks == 1 else word.split()
    return Shown(one.label, one.texts, template.render([*one.texts, ""], parts).text)
