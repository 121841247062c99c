"""Templates that an encoder-decoder writes: it says what stands between the texts of the training rows and the words of their labels.

    so sad <extra_id_0> terrible <extra_id_1>        "{text} It was {mask}."
    loved it <extra_id_0> great <extra_id_1>         "{text} This movie is so {mask}!"          the likeliest for all rows together

Reference: Gao et al. 2021, arXiv:2012.15723, section 5.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leantune.core.errors import SpecError, some
from leantune.core.human import plural
from leantune.data.pieces._cloze import Apart
from leantune.data.template import Template
from leantune.kinds.prompt import Oracle, Rows, Setting
from leantune.models.base import Base, open_base
from leantune.models.span_beam import SIGNS, fills_spans

GAP, WORD = "GAP", "WORD"
TEXT, PAIR = "{text}", "{text_pair}"
SINGLE = ((TEXT, GAP, WORD, GAP), (GAP, WORD, GAP, TEXT))
PAIRS = (("{text:nodot}", GAP, WORD, GAP, PAIR), (TEXT, PAIR, GAP, WORD, GAP))
AT_END = {False: ((TEXT, GAP, WORD),), True: ((TEXT, PAIR, GAP, WORD),)}
"""For a base that goes on behind the text."""
EACH = 16
"""Training rows of a label that are looked at; of more a draw."""
AVERAGED = 4
"""Templates that are averaged where there are too few rows to choose one."""


@dataclass(frozen=True)
class Shape:
    """What stands where."""

    parts: tuple[str, ...]
    """Texts, the word of the label, and gaps."""

    @property
    def gaps(self) -> int:
        """How many are to be filled."""
        return self.parts.count(GAP)

    @property
    def frame(self) -> Template:
        """A row as the generator reads it, in the language of templates: its masks are the gaps."""
        said = {GAP: "{mask}", WORD: "{word:keep}"}
        return Template.parse(" ".join(said.get(part, part) for part in self.parts), {"text": 0, "text_pair": 1, "word": 2})

    def template(self, fillers: Sequence[str]) -> str:
        """The template with these texts in its gaps; a text brings its own space, if any."""
        found, filler = "", iter(fillers)
        for part in self.parts:
            if part == GAP:
                said = next(filler).replace("{", "{{").replace("}", "}}")
                found += said if found else said.lstrip()
            else:
                found += " " * bool(found and not found[-1].isspace()) + ("{mask}" if part == WORD else part)
        return found.strip()


def shapes(*, paired: bool, at_end: bool) -> list[Shape]:
    """For texts, and for pairs of texts.

    Args:
        paired: whether a row is two texts.
        at_end: whether the word must stand behind everything.
    """
    return [Shape(parts) for parts in (AT_END[paired] if at_end else PAIRS if paired else SINGLE)]


def generator_of(setting: Setting) -> Base:
    """Who writes: the model that the user named, else the base itself.

    Raises:
        SpecError: E-OPTION where neither is an encoder-decoder that fills spans.
    """
    if setting.generator is not None:
        return open_base(setting.generator.model, revision=setting.generator.revision)
    if not fills_spans(setting.base):
        message = f"cloze(template=generated): {setting.base.name} does not fill gaps in a text, so another model must write the templates"
        raise SpecError(f"{message}. Give one with --generator MODEL (t5-small, t5-base ...).", "E-OPTION")
    return setting.base


@dataclass(frozen=True)
class Ways:
    """How templates are written."""

    at_end: bool
    """Whether the word must stand behind everything."""
    beams: int
    """Beginnings that are followed at the same time."""
    candidates: int
    """Templates at most."""


def generated(setting: Setting, rows: Rows, oracle: Oracle, ways: Ways, *, seed: int) -> tuple[list[str], str]:
    """Templates, the likeliest of each shape in turn, and a note.

    Args:
        setting: with the words of the labels, of which the first of each stands in the row.
        rows: training rows.
        oracle: that lets the generator write.
        ways: how.
        seed: of the draw where there are many rows.

    Raises:
        SpecError: E-OPTION without a generator, E-RANGE where it reads too little.
    """
    generator, paired = generator_of(setting), rows.chunk.pairs is not None
    words = {place: setting.wording.words[label][0] for place, label in enumerate(setting.labels)}
    places = _drawn(rows, seed)
    found = list[list[str]]()
    for shape in shapes(paired=paired, at_end=ways.at_end):
        fillings = oracle.fill(generator, _read(shape, rows, places, words, generator), shape.gaps, ways.beams)
        found.append([shape.template([_said(generator, span) for span in one.spans]) for one in fillings])
    depth = max(map(len, found))
    turns = dict.fromkeys(own[place] for place in range(depth) for own in found if place < len(own))
    taken = list(turns)[: ways.candidates]
    said = some([f'"{one}"' for one in taken], most=ways.candidates)
    return taken, f"templates generated by {generator.name} on {plural(len(places), 'training row')}: {said}"


def _drawn(rows: Rows, seed: int) -> list[int]:
    order = np.random.default_rng([seed, 5]).permutation(len(rows.gold))
    return sorted(place for label in np.unique(rows.gold) for place in order[rows.gold[order] == label][:EACH].tolist())


def _read(shape: Shape, rows: Rows, places: Sequence[int], words: Mapping[int, str], generator: Base) -> list[list[int]]:
    """Tokens of rows as the generator reads them; texts that are too long are cut."""
    member, pairs = Apart(shape.frame, SIGNS[: shape.gaps]), rows.chunk.pairs or rows.chunk.texts
    rendered = [member.alone((rows.chunk.texts[place], pairs[place], words[int(rows.gold[place])])) for place in places]
    coded = generator.tokenizer([one.text for one in rendered], return_offsets_mapping=True, return_attention_mask=False)
    found = list[list[int]]()
    for tokens, offsets, one in zip(coded["input_ids"], coded["offset_mapping"], rendered, strict=True):
        found.append([tokens[place] for place in member.kept_places(tokens, offsets, one, generator.max_length)])
    return found


def _said(generator: Base, span: Sequence[int]) -> str:
    """A span as text, with the space before it where it has one: a tokenizer drops that of a text's first token."""
    before = generator.numbers("it")
    whole, start = (str(generator.tokenizer.decode([*before, *own], clean_up_tokenization_spaces=False)) for own in (span, ()))
    return whole.removeprefix(start)
