"""Cloze: the row in the words of a template with a mask, where the base finds the words of the labels more or less likely.

    "{text} It was {mask}."   negative: terrible, bad   positive: great        z_c = mean over words w of c of log p(w at the mask)

A masked model fills the mask, a decoder goes on with the next token, an encoder-decoder answers apart. Words of several tokens get as
many masks; a base that writes from left to right is asked for the first of their tokens. A template with several masks takes words with
as many parts. `verbalizer=soft` trains a head that starts from the words' rows in the output embedding. `{soft:10}` in the template are
trained tokens, which learn at their own rate beside the method's parameters, or alone (`cloze | frozen`); `encoder=lstm` moves them
through a network while training. What the other options leave open is settled on the training rows before the training (`settle`): words,
the template, demonstrations, and `calibrate`: what a word gets where no text stands is subtracted from its log-probability.

Reference: Schick and Schuetze 2021, arXiv:2001.07676; soft verbalizer: Hambardzumyan et al. 2021, arXiv:2101.00121; soft tokens: Lester et
al. 2021, arXiv:2104.08691; their encoder: Liu et al. 2021, arXiv:2103.10385; calibrate: Zhao et al. 2021, arXiv:2102.09690; the rest in the
files beside this one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from leantune.core.errors import Problems, SpecError, some
from leantune.core.link import LinkCard
from leantune.core.wording import Wording
from leantune.data.label_words import label_words
from leantune.data.pieces._cloze import Apart, Cloze, Masked, Next
from leantune.data.pieces._several import joined
from leantune.data.soft_tokens import FREE, frequent, soft_signs, soft_starts
from leantune.data.template import Template
from leantune.kinds.prompt import Oracle, Prompt, Rows, Setting, Settled, Worded
from leantune.kinds.rates import Rates
from leantune.models.build import has_output_layer, has_stock, is_decoder, lacks_head
from leantune.models.heads import HeadKind, HeadSpec, SoftSpec, Word, is_transducer
from leantune.models.soft_tokens import cost
from leantune.models.surprise import unfit
from leantune.models.verbalizer import sought_tokens
from leantune.prompts._generated import generator_of
from leantune.prompts._settling import Settling, shown
from leantune.prompts._templates import bank

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

    verbalizer: Literal["manual", "auto", "knowledge", "soft"] = "manual"
    """Labels are read from the words given; from words found on the training rows; from given ones and their neighbours; or by a head that
    starts from the given ones and is trained."""
    template: int | Literal["best", "all", "generated"] = 1
    """Which of several templates, from 1; the best on the training rows; all, averaged; or the best of those that a model writes
    (`--generator`)."""
    calibrate: bool = False
    """Subtract what each word gets where no text stands."""
    words: int = Field(default=3, ge=1)
    """Words of each label that are found (auto) or added (knowledge)."""
    demonstrations: int = Field(default=0, ge=0)
    """Training rows of each label that are shown beside every row."""
    candidates: int = Field(default=8, ge=1)
    """Templates that are generated, of which the best is taken."""
    beams: int = Field(default=20, ge=1)
    """Beginnings of templates that are followed at the same time while they are generated."""
    penalty: float | None = Field(default=None, ge=0)
    """A soft verbalizer is drawn back to its words by this times the square of the distance; 0.01 when not given."""
    encoder: Literal["lstm", "mlp"] | None = None
    """The network that moves the soft tokens of the template while training; none when not given."""
    soft_lr: float | None = Field(default=None, gt=0)
    """Learning rate of these tokens; beside a method 0.001 when not given (0.0003 behind an encoder), else found in a race."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Cloze prompt",
        paper="Schick and Schuetze 2021, arXiv:2001.07676",
        when="few labelled rows and a base that was trained to fill or to go on with texts: its own words are the labels",
    )

    @field_validator("template", mode="before")
    @classmethod
    def _number_or_name(cls, value: object) -> object:
        if value not in ("best", "all", "generated") and not (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
            raise PydanticCustomError("template", "write the number of a template (from 1), best, all or generated")
        return value

    @model_validator(mode="after")
    def _together(self) -> ClozePrompt:
        if self.calibrate and self.verbalizer == "soft":
            raise PydanticCustomError(
                "calibrate", "calibrate reads words, and verbalizer=soft trains a head in their place; leave one of them out"
            )
        if "words" in self.model_fields_set and self.verbalizer not in ("auto", "knowledge"):
            raise PydanticCustomError("words", "words is how many are found; use it with verbalizer=auto or verbalizer=knowledge")
        if self.template == "generated" and self.verbalizer == "auto":
            raise PydanticCustomError(
                "template", "template=generated writes around the words of the labels, which verbalizer=auto would find later; give words"
            )
        if self.template != "generated" and (idle := sorted(self.model_fields_set & {"candidates", "beams"})):
            raise PydanticCustomError("template", "{idle}: of generated templates; use template=generated", {"idle": some(idle)})
        return self

    @property
    def settles(self) -> bool:
        """Whether some of the wording is found on the training rows."""
        found = self.template in ("best", "generated") or self.verbalizer in ("auto", "knowledge")
        return self.calibrate or self.demonstrations > 0 or found

    @property
    def generates(self) -> bool:
        """Whether a generator writes templates."""
        return self.template == "generated"

    def unsupported(self, setting: Setting) -> str | None:
        """Tasks without labels of their own, bases that end in no vocabulary."""
        if setting.task.problem != "single_label_classification":
            return f"a cloze prompt says one label for a row, which {setting.task.name} does not have"
        if not setting.wording.around_rows and isinstance(self.template, int):
            return 'there is no template: give one with --prompt, such as "{text} It was {mask}."'
        if setting.long.windows or setting.long.selects:
            ways = "--long tail, both or compress, or {text:both} in the template"
            return f"a prompt reads a row as one piece, not by --long {setting.long}; {ways}"
        kind = _kind(setting)
        if kind is None or lacks_head(setting.base, kind):
            return f"{setting.base.name} was not trained to fill or to go on with texts, so it has no words to ask; choose a language model"
        if self.verbalizer != "auto" and (reason := setting.silence):
            return reason
        if self.verbalizer == "soft" and not has_output_layer(setting.base, kind):
            return f"{setting.base.name} multiplies by its table of words itself, so no head can take that place; use verbalizer=manual"
        return None

    def pieces(self, setting: Setting) -> Pieces:
        """Rows in the words of the template, or of several."""
        self._refuse_idle_options(setting)
        if self.generates and not setting.wording.settled:
            generator_of(setting)
        members = self.members(setting)
        for member in members:
            member.refuse_full(setting.base.tokenizer, setting.base.max_length)
        return joined(members)

    def head(self, setting: Setting) -> HeadSpec:
        """The vocabulary, read by the words."""
        spec, kind, words = setting.task.head_spec(setting.labels), _kind(setting), self.tokens(setting)
        assert kind is not None
        soft = self.verbalizer == "soft"
        priors = tuple(setting.wording.priors[label] for label in setting.labels) if setting.wording.priors else ()
        penalty = (PENALTY if self.penalty is None else self.penalty) if soft else 0.0
        return replace(spec, kind=kind, words=words, priors=priors, soft=soft, penalty=penalty, soft_tokens=self._soft_tokens(setting))

    def rates(self, setting: Setting) -> Rates | None:
        """Those of soft tokens, where the template has any."""
        if self._softened(setting) is None:
            return None
        if self.soft_lr is not None:
            return Rates(low=self.soft_lr, start=self.soft_lr, high=self.soft_lr)
        return RATES if self.encoder is None else ENCODED_RATES

    def cost(self, setting: Setting, anatomy: Anatomy) -> int:
        """A vector for each soft token, and their encoder."""
        spec = self._soft_tokens(setting)
        return 0 if spec is None else cost(spec, anatomy.embedding_width)

    def _softened(self, setting: Setting) -> Template | None:
        """The template with soft tokens; there is at most one."""
        return next((template for template in self.templates(setting) if template.softs), None)

    def _soft_tokens(self, setting: Setting) -> SoftSpec | None:
        tokenizer, template = setting.base.tokenizer, self._softened(setting)
        if template is None:
            return None
        starts = tuple(token for run in soft_starts(tokenizer, template) for token in run)
        return SoftSpec(starts, frequent(tokenizer) if FREE in starts else (), self.encoder)

    def _refuse_idle_options(self, setting: Setting) -> None:
        """An option that changes nothing, or cannot be kept, is a slip."""
        problems, softened = Problems("cloze"), self._softened(setting)
        if self.penalty is not None and self.verbalizer != "soft":
            problems.add("penalty is for a soft verbalizer. Write cloze(verbalizer=soft, penalty=...).", "E-OPTION")
        idle = [name for name in ("encoder", "soft_lr") if getattr(self, name) is not None]
        if idle and softened is None:
            source = self.sources(setting)[0]
            message = f'{some(idle)}: for soft tokens, of which the prompt "{source}" has none. Put some in, such as {{soft:10}}.'
            problems.add(message, "E-OPTION")
        if softened is not None and (self.settles or self.template == "all"):
            message = f'the prompt "{softened.source}" has soft tokens, which mean nothing before they are trained'
            problems.add(f"{message}: leave out {some(self._asked_before)}, or the soft tokens.", "E-OPTION")
        problems.raise_if_any(SpecError)

    @property
    def _asked_before(self) -> list[str]:
        """The options that ask the base before it is trained, or in several templates."""
        found = ["calibrate"] * self.calibrate + ["demonstrations"] * (self.demonstrations > 0)
        found += [f"template={self.template}"] * isinstance(self.template, str)
        return found + [f"verbalizer={self.verbalizer}"] * (self.verbalizer in ("auto", "knowledge"))

    def settle(self, setting: Setting, rows: Rows, oracle: Oracle, seed: int) -> Settled:
        """Template, words, demonstrations and priors, in this order: each is found with those before it."""
        return Settling(Worded(self, setting), self, rows, oracle, seed).run()

    def members(self, setting: Setting) -> list[Cloze]:
        """The pieces behind each template."""
        words, kind = self.tokens(setting), _style(setting)
        sign = {Masked: str(setting.base.tokenizer.mask_token), Next: "", Apart: _sentinel(setting)}[kind]
        members = []
        for template in self.templates(setting):
            _check_shape(template, kind, words, setting)
            counts = sought_tokens(words) if words else (1,)
            signs = tuple(sign * count for count in counts) if kind is Masked else (sign,)
            demonstrations = tuple(shown(template, one, setting.wording) for one in setting.wording.demonstrations)
            softs = soft_signs(setting.base.tokenizer, template) if template.softs else ()
            members.append(kind(template, signs, demonstrations, self.demonstrations, softs, setting.informed))
        return members

    def apart(self, setting: Setting) -> list[Wording]:
        """Each template for itself, unless the option says which."""
        if "template" in self.model_fields_set:
            return [setting.wording]
        given = setting.wording.around_rows or _bank(setting)
        return [setting.wording.model_copy(update={"templates": (template,)}) for template in given]

    def sources(self, setting: Setting) -> tuple[str, ...]:
        """The templates in question, as they are written."""
        given = setting.wording.around_rows
        if setting.wording.settled:
            return given
        if isinstance(self.template, int):
            if self.template > len(given):
                raise SpecError(f"cloze: there is no template {self.template}; --prompt gives {len(given)}.", "E-RANGE")
            return (given[self.template - 1],)
        return _bank(setting) if self.generates else given or _bank(setting)

    def at_end(self, setting: Setting) -> bool:
        """Whether the word must stand behind everything, because the base goes on there."""
        return _at_end(setting)

    def templates(self, setting: Setting) -> list[Template]:
        """The same taken apart."""
        return [Template.parse(source, setting.columns).cutting(setting.long) for source in self.sources(setting)]

    def tokens(self, setting: Setting) -> tuple[tuple[Word, ...], ...]:
        """Tokens of the words of each label; none where they are still to be found."""
        wording, templates = setting.wording, self.templates(setting)
        if self.verbalizer in ("auto", "knowledge") and (several := next((one for one in templates if one.masks > 1), None)):
            raise SpecError(f'The prompt "{several.source}": words that are found are one token, so one {{mask}} must do.', "E-EXPR")
        if not wording.words or (self.verbalizer == "auto" and not wording.settled):
            return ()
        words = {label: wording.words[label] for label in setting.labels}
        found = {template.source: label_words(setting.base.tokenizer, template, words) for template in templates}
        (first, own), *others = found.items()
        if other := next((source for source, tokens in others if tokens != own), None):
            text = f'The prompts "{first}" and "{other}": the words of the labels are other tokens behind them, so they cannot be averaged.'
            raise SpecError(f"{text} Put as many {{mask}} into each, and a space before.", "E-EXPR")
        return own if _style(setting) is Masked else _begun(own)

    def cautions(self, setting: Setting) -> list[str]:
        """Words of which a base that writes from left to right is asked for the first token alone."""
        if _style(setting) is Masked or not (asked := self.tokens(setting)):
            return []
        words = {label: setting.wording.words[label] for label in setting.labels}
        whole = label_words(setting.base.tokenizer, self.templates(setting)[0], words)
        said = [word for own in words.values() for word in own]
        begun = [one != other for own, others in zip(whole, asked, strict=True) for one, other in zip(own, others, strict=True)]
        long = [f'"{word}"' for word, several in zip(said, begun, strict=True) if several]
        return [f"of words of several tokens the first one is asked for: {some(long)}"] if long else []


def _bank(setting: Setting) -> tuple[str, ...]:
    """The general templates that the base can read."""
    found = bank(setting.wording, paired=1 in setting.columns.values())
    return tuple(one for one in found if not _at_end(setting) or Template.parse(one, setting.columns).ends_with_mask)


def _at_end(setting: Setting) -> bool:
    style = _style(setting)
    return style is Next or (style is Apart and not _sentinel(setting))


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
    """Refuse what the body cannot read: a body that writes from left to right goes on at the end; only that one knows what it expected."""
    if any(way["name"] == "compress" for way in template.ways) and (reason := unfit(setting.base)):
        raise SpecError(f'The prompt "{template.source}": compress leaves words out, and {reason}. Use head, tail or both.', "E-OPTION")
    if kind is Masked:
        return
    if template.masks > 1 or (not template.ends_with_mask and not (kind is Apart and _sentinel(setting))):
        raise SpecError(
            f'The prompt "{template.source}": {setting.base.name} goes on behind the text, so one {{mask}} must stand at the end.', "E-EXPR"
        )
    firsts: dict[Word, tuple[str, str]] = {}
    for label, own in zip(setting.labels if words else (), words, strict=True):
        for word, said in zip(own, setting.wording.words[label], strict=True):
            other, its = firsts.setdefault(word, (said, label))
            if its != label:
                message = f'"{said}" of label "{label}" and "{other}" of "{its}" begin with the same token for {setting.base.name}'
                raise SpecError(f"{message}, which is asked for the next one. Choose another word.", "E-LABEL")


def _begun(words: tuple[tuple[Word, ...], ...]) -> tuple[tuple[Word, ...], ...]:
    """The first token of each word, at the only mask."""
    return tuple(tuple((word[0][:1],) for word in own) for own in words)


MEMBER = ClozePrompt
