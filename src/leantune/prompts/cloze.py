"""Cloze: the row in the words of a template with a mask, where the base finds the words of the labels more or less likely.

    "{text} It was {mask}."   negative: terrible, bad   positive: great        z_c = mean over words w of c of log p(w at the mask)

A masked model fills the mask, a decoder goes on with the next token, an encoder-decoder answers apart. Words of several tokens get as many
masks; a template with several masks takes words with as many parts. `verbalizer=soft` trains a head that starts from the words' rows in the
output embedding. `{soft:10}` in the template are trained tokens, which learn at their own rate beside the method's parameters, or alone
(`cloze | frozen`); `encoder=lstm` moves them through a network while training.

Reference: Schick and Schuetze 2021, arXiv:2001.07676; soft verbalizer: Hambardzumyan et al. 2021, arXiv:2101.00121; soft tokens: Lester et
al. 2021, arXiv:2104.08691; their encoder: Liu et al. 2021, arXiv:2103.10385.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from leantune.core.errors import Problems, SpecError, some
from leantune.data.label_words import label_words
from leantune.data.pieces._cloze import Apart, Cloze, Masked, Next
from leantune.data.soft_tokens import FREE, frequent, soft_signs, soft_starts
from leantune.data.template import Template
from leantune.kinds.prompt import Prompt, PromptCard, Setting
from leantune.kinds.rates import Rates
from leantune.models.build import has_output_layer, has_stock, is_decoder, lacks_head
from leantune.models.heads import HeadKind, HeadSpec, SoftSpec, Word, is_transducer
from leantune.models.soft_tokens import cost
from leantune.models.verbalizer import sought_tokens

if TYPE_CHECKING:
    from leantune.data.pieces._pieces import Pieces
    from leantune.models.anatomy import Anatomy

SENTINEL = "<extra_id_0>"
"""What T5 and its kin say where a span was left out."""
PENALTY = 0.01
"""Of a soft verbalizer."""
RATES = Rates(low=1e-3, start=1e-2, high=5e-2)
"""Of soft tokens, as of prompt tuning: alone, vectors as large as words have far to go. Beside a method they take the lowest."""
ENCODED_RATES = Rates(low=3e-4, start=1e-3, high=3e-3)
"""Of soft tokens behind a network, which takes a network's rates."""


class ClozePrompt(Prompt):
    """A template and the words of the labels."""

    verbalizer: Literal["manual", "soft"] = "manual"
    """Labels are read from their words, or by a head that starts from them and is trained."""
    template: int = Field(default=1, ge=1)
    """Which of several templates, from 1."""
    penalty: float | None = Field(default=None, ge=0)
    """A soft verbalizer is drawn back to its words by this times the square of the distance; 0.01 when not given."""
    encoder: Literal["lstm", "mlp"] | None = None
    """The network that moves the soft tokens of the template while training; none when not given."""
    soft_lr: float | None = Field(default=None, gt=0)
    """Learning rate of these tokens; beside a method 0.001 when not given (0.0003 behind an encoder), else found in a race."""

    card: ClassVar[PromptCard] = PromptCard(
        title="Cloze prompt",
        paper="Schick and Schuetze 2021, arXiv:2001.07676",
        when="few labelled rows and a base that was trained to fill or to go on with texts: its own words are the labels",
    )

    def unsupported(self, setting: Setting) -> str | None:
        """Tasks without labels of their own, bases that end in no vocabulary."""
        if setting.task.problem != "single_label_classification":
            return f"a cloze prompt says one label for a row, which {setting.task.name} does not have"
        if not setting.wording.templates:
            return 'there is no template: give one with --prompt, such as "{text} It was {mask}."'
        kind = _kind(setting)
        if kind is None or lacks_head(setting.base, kind):
            return f"{setting.base.name} was not trained to fill or to go on with texts, so it has no words to ask; choose a language model"
        if self.verbalizer == "soft" and not has_output_layer(setting.base, kind):
            return f"{setting.base.name} multiplies by its table of words itself, so no head can take that place; use verbalizer=manual"
        return None

    def pieces(self, setting: Setting) -> Pieces:
        """Rows in the words of the template."""
        template, words = self._template(setting), self._words(setting)
        kind = _style(setting)
        sign = {Masked: str(setting.base.tokenizer.mask_token), Next: "", Apart: _sentinel(setting)}[kind]
        _check_shape(template, kind, words, setting)
        self._refuse_idle_options(template)
        signs = tuple(sign * count for count in sought_tokens(words)) if kind is Masked else (sign,)
        softs = soft_signs(setting.base.tokenizer, template) if template.softs else ()
        found = kind(template, signs, softs)
        found.refuse_full(setting.base.tokenizer, setting.base.max_length)
        return found

    def head(self, setting: Setting) -> HeadSpec:
        """The vocabulary, read by the words."""
        spec, kind = setting.task.head_spec(setting.labels), _kind(setting)
        assert kind is not None
        soft = self.verbalizer == "soft"
        penalty = (PENALTY if self.penalty is None else self.penalty) if soft else 0.0
        tokens = self._soft_tokens(setting)
        return replace(spec, kind=kind, words=self._words(setting), soft=soft, penalty=penalty, soft_tokens=tokens)

    def rates(self, setting: Setting) -> Rates | None:
        """Those of soft tokens, where the template has any."""
        if not self._template(setting).softs:
            return None
        if self.soft_lr is not None:
            return Rates(low=self.soft_lr, start=self.soft_lr, high=self.soft_lr)
        return RATES if self.encoder is None else ENCODED_RATES

    def cost(self, setting: Setting, anatomy: Anatomy) -> int:
        """A vector for each soft token, and their encoder."""
        spec = self._soft_tokens(setting)
        return 0 if spec is None else cost(spec, anatomy.embedding_width)

    def _soft_tokens(self, setting: Setting) -> SoftSpec | None:
        tokenizer, template = setting.base.tokenizer, self._template(setting)
        if not template.softs:
            return None
        starts = tuple(token for run in soft_starts(tokenizer, template) for token in run)
        return SoftSpec(starts, frequent(tokenizer) if FREE in starts else (), self.encoder)

    def _refuse_idle_options(self, template: Template) -> None:
        """An option that changes nothing is a slip."""
        problems = Problems("cloze")
        if self.penalty is not None and self.verbalizer != "soft":
            problems.add("penalty is for a soft verbalizer. Write cloze(verbalizer=soft, penalty=...).", "E-OPTION")
        idle = [name for name in ("encoder", "soft_lr") if getattr(self, name) is not None]
        if idle and not template.softs:
            message = f'{some(idle)}: for soft tokens, of which the prompt "{template.source}" has none. Put some in, such as {{soft:10}}.'
            problems.add(message, "E-OPTION")
        problems.raise_if_any(SpecError)

    def _template(self, setting: Setting) -> Template:
        given = setting.wording.templates
        if self.template > len(given):
            raise SpecError(f"cloze: there is no template {self.template}; --prompt gives {len(given)}.", "E-RANGE")
        return Template.parse(given[self.template - 1], setting.columns)

    def _words(self, setting: Setting) -> tuple[tuple[Word, ...], ...]:
        words = {label: setting.wording.words[label] for label in setting.labels}
        return label_words(setting.base.tokenizer, self._template(setting), words)


def _kind(setting: Setting) -> HeadKind | None:
    """Which of the base's own heads is asked."""
    base = setting.base
    if is_transducer(base.config):
        return "text"
    if base.tokenizer.mask_token_id is not None and has_stock(base.config, "masked"):
        return "masked"
    return "text" if has_stock(base.config, "text") and is_decoder(base) else None


def _style(setting: Setting) -> type[Cloze]:
    return Masked if _kind(setting) == "masked" else Apart if is_transducer(setting.base.config) else Next


def _sentinel(setting: Setting) -> str:
    return SENTINEL if SENTINEL in setting.base.tokenizer.get_vocab() else ""


def _check_shape(template: Template, kind: type[Cloze], words: tuple[tuple[Word, ...], ...], setting: Setting) -> None:
    """Refuse what a body that writes from left to right cannot read."""
    if kind is Masked:
        return
    if template.masks > 1 or (not template.ends_with_mask and not (kind is Apart and _sentinel(setting))):
        raise SpecError(
            f'The prompt "{template.source}": {setting.base.name} goes on behind the text, so one {{mask}} must stand at the end.', "E-EXPR"
        )
    firsts: dict[int, str] = {}
    for label, own in zip(setting.labels, words, strict=True):
        for word, said in zip(own, setting.wording.words[label], strict=True):
            if len(word[0]) > 1:
                raise SpecError(
                    f'The word "{said}" of label "{label}" is several tokens for {setting.base.name}, which is asked for the next one. '
                    "Choose a word that is one token.",
                    "E-LABEL",
                )
            if firsts.setdefault(word[0][0], label) != label:
                raise SpecError(f'The word "{said}" stands for "{label}" and for "{firsts[word[0][0]]}" to {setting.base.name}.', "E-LABEL")


MEMBER = ClozePrompt
