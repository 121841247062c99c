"""Cloze: the row in the words of a template with a mask, where the base finds the words of the labels more or less likely.

    "{text} It was {mask}."   negative: terrible, bad   positive: great        z_c = mean over words w of c of log p(w at the mask)

A masked model fills the mask, a decoder goes on with the next token, an encoder-decoder answers apart. Words of several tokens get as many
masks; a template with several masks takes words with as many parts. `verbalizer=soft` trains a head that starts from the words' rows in the
output embedding.

Reference: Schick and Schuetze 2021, arXiv:2001.07676; soft: Hambardzumyan et al. 2021, arXiv:2101.00121.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from leantune.core.errors import SpecError
from leantune.data.label_words import label_words
from leantune.data.pieces._cloze import Apart, Cloze, Masked, Next
from leantune.data.template import Template
from leantune.kinds.prompt import Prompt, PromptCard, Setting
from leantune.models.build import has_stock, is_decoder, lacks_head
from leantune.models.heads import HeadKind, HeadSpec, Word, is_transducer
from leantune.models.verbalizer import sought_tokens

if TYPE_CHECKING:
    from leantune.data.pieces._pieces import Pieces

SENTINEL = "<extra_id_0>"
"""What T5 and its kin say where a span was left out."""


class ClozePrompt(Prompt):
    """A template and the words of the labels."""

    verbalizer: Literal["manual", "soft"] = "manual"
    """Labels are read from their words, or by a head that starts from them and is trained."""
    template: int = Field(default=1, ge=1)
    """Which of several templates, from 1."""

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
        if setting.long.windows or setting.long.selects:
            return f"a prompt reads a row as one piece, not by --long {setting.long}; --long tail or both, or {{text:both}} in the template"
        kind = _kind(setting)
        if kind is None or lacks_head(setting.base, kind):
            return f"{setting.base.name} was not trained to fill or to go on with texts, so it has no words to ask; choose a language model"
        return None

    def pieces(self, setting: Setting) -> Pieces:
        """Rows in the words of the template."""
        template, words = self._template(setting), self._words(setting)
        kind = _style(setting)
        sign = {Masked: str(setting.base.tokenizer.mask_token), Next: "", Apart: _sentinel(setting)}[kind]
        _check_shape(template, kind, words, setting)
        return kind(template, tuple(sign * count for count in sought_tokens(words)) if kind is Masked else (sign,))

    def head(self, setting: Setting) -> HeadSpec:
        """The vocabulary, read by the words."""
        spec, kind = setting.task.head_spec(setting.labels), _kind(setting)
        assert kind is not None
        return replace(spec, kind=kind, words=self._words(setting), soft=self.verbalizer == "soft")

    def _template(self, setting: Setting) -> Template:
        given = setting.wording.templates
        if self.template > len(given):
            raise SpecError(f"cloze: there is no template {self.template}; --prompt gives {len(given)}.", "E-RANGE")
        return Template.parse(given[self.template - 1], setting.columns).cutting(setting.long)

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
