"""A row in the words of a template, one piece, with places where the word of its label is sought. Each kind suits a kind of body.

    Masked    great film It was [MASK].          mark 0 at the first mask, 1 at the next ...
    Next      great film It was                  mark 0 at the last token, behind which the word comes: a decoder
    Apart     great film It was <extra_id_0>.    written apart: <extra_id_0>, word: an encoder-decoder

The template is rendered and tokenised as a whole. Where that is too long, tokens of the texts of the row are left out, from the longest
text first and at its end unless its way is another one (`data.cuts`); the template, its masks and its soft tokens stay whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from leantune.core.errors import SpecError
from leantune.core.wording import Asked
from leantune.data.cuts import kept, words_of
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Informed, Part, Pieces, Room, Tokenizer, filler, flat
from leantune.data.soft_tokens import numbered
from leantune.data.template import Rendered, Template

Spans = Sequence[tuple[int, int]]
SHOWN = 80
"""Characters of a template that a message about its length repeats."""


@dataclass(frozen=True)
class Shown:
    """A demonstration: a training row in the words of the template, the word of its label at the mask."""

    label: str
    texts: tuple[str, ...]
    said: str


def beside(shown: Sequence[Shown], each: int, texts: Sequence[str]) -> list[Shown]:
    """The first so many demonstrations of each label that are not the row itself."""
    own, counts = [text.strip() for text in texts], Counter[str]()
    found = []
    for one in shown:
        if counts[one.label] < each and [text.strip() for text in one.texts] != own[: len(one.texts)]:
            counts[one.label] += 1
            found.append(one)
    return found


@dataclass(frozen=True)
class Cloze(Pieces):
    """Rows behind one prompt; not in the catalogue, because it takes the prompt."""

    prompt: Template
    signs: tuple[str, ...]
    """What stands at each mask: mask tokens, as many as the longest word has; a decoder has none."""
    shown: tuple[Shown, ...] = ()
    """Demonstrations that may stand beside a row; never shortened."""
    each: int = 0
    """How many of each label do."""
    softs: tuple[str, ...] = ()
    """What stands at each run of soft tokens (`data.soft_tokens`)."""
    informed: Informed | None = None
    """How surprising each token of a text is, where words are left out by that."""

    width: ClassVar[int] = 1
    leads: ClassVar[bool] = True
    """Whether demonstrations stand before the row; a masked model reads its own row first (Gao et al. 2021, arXiv:2012.15723)."""
    joint: ClassVar[str] = " "
    """Between demonstrations and row."""

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        rendered = [self.rendered(texts) for texts in zip(chunk.texts, chunk.pairs or chunk.texts, strict=True)]
        coded = tokenizer([one.text for one in rendered], return_offsets_mapping=True, return_attention_mask=False)
        ids, marks = list[list[int]](), list[list[int]]()
        for tokens, offsets, one in zip(coded["input_ids"], coded["offset_mapping"], rendered, strict=True):
            kept = self.kept_places(tokens, offsets, one, room.length)
            spans = [offsets[place] for place in kept] or [(0, 0)]
            ids.append(numbered([tokens[place] for place in kept] or [filler(tokenizer)], places(spans, one.softs)))
            marks.append(self._marks(spans, one))
        return self._part(tokenizer, ids, marks)

    def refuse_full(self, tokenizer: Tokenizer, length: int) -> None:
        """Raise SpecError (E-RANGE) where the template leaves no room for the texts of a row.

        Args:
            tokenizer: of the base.
            length: tokens of a piece.
        """
        empty = self.alone([""] * 2)
        coded = tokenizer(empty.text, return_offsets_mapping=True)
        soft = len(places(coded["offset_mapping"], empty.softs))
        others = len(coded["input_ids"]) - soft
        if soft + others < length:
            return
        named = f'The prompt "{_shortened(self.prompt.source)}"'
        if soft:
            message = f"{named} has {soft} soft tokens and {others} others, and a row takes {length}"
            raise SpecError(f"{message}: {max(length - others - 1, 0)} soft ones fit beside a text. Ask for fewer.", "E-RANGE")
        message = f"{named} takes {others} of the {length} tokens that are read, so no text fits beside it"
        raise SpecError(f"{message}. Shorten it, or raise --max-length.", "E-RANGE")

    def _part(self, tokenizer: Tokenizer, ids: list[list[int]], marks: list[list[int]]) -> Part:
        del tokenizer
        table = [(len(one), len(one), row) for row, one in enumerate(ids)]
        return Part(flat(ids), np.array(table, dtype=np.int64), len(ids), flat(marks))

    def rendered(self, texts: Sequence[str]) -> Rendered:
        """A row in words, demonstrations beside it."""
        said = [one.said for one in beside(self.shown, self.each, texts)]
        own = self.alone(texts)
        return own if not said else own.behind(self.joint.join([*said, ""])) if self.leads else own.before(self.joint.join(["", *said]))

    def alone(self, texts: Sequence[str]) -> Rendered:
        return self.prompt.render(texts, self.signs, self.softs)

    def kept_places(self, ids: Sequence[int], offsets: Spans, one: Rendered, length: int) -> list[int]:
        """Places of the tokens that stay."""
        over, dropped = len(offsets) - length, set[int]()
        runs = [[place for place, pair in enumerate(offsets) if _within(pair, field)] for field in one.fields]
        if over > sum(map(len, runs)):
            needed = len(offsets) - sum(map(len, runs))
            source = _shortened(self.prompt.source)
            message = f'The prompt "{source}" takes {needed} tokens without the texts that may be shortened, of {length}.'
            raise SpecError(f"{message} Shorten it, or raise --max-length.", "E-RANGE")
        sizes = [len(run) for run in runs]
        for _ in range(over):
            sizes[sizes.index(max(sizes))] -= 1
        for run, most, way in zip(runs, sizes, one.ways, strict=True):
            worth = self._worth(ids, offsets, one.text, run) if way["name"] == "compress" and len(run) > most else None
            dropped |= set(run) - {run[at] for at in kept(len(run), most, way, worth)}
        return [place for place in range(len(offsets)) if place not in dropped]

    def _worth(self, ids: Sequence[int], offsets: Spans, text: str, run: Sequence[int]) -> list[tuple[int, float]]:
        """Word and surprise of each token of a field."""
        assert self.informed is not None
        return list(zip(words_of(text, [offsets[place] for place in run]), self.informed([ids[place] for place in run]), strict=True))

    def _marks(self, offsets: Spans, one: Rendered) -> list[int]:
        """The number of the sought token at each token, -1 elsewhere."""
        found = [-1] * len(offsets)
        for number, place in enumerate(places(offsets, one.masks)):
            found[place] = number
        return found


class Masked(Cloze):
    """For a body that fills masks."""

    leads: ClassVar[bool] = False
    asks: ClassVar[Asked | None] = "masked"


class Next(Cloze):
    """For a decoder: it reads what stands before the mask, and the word is the next token."""

    asks: ClassVar[Asked | None] = "next"
    joint: ClassVar[str] = "\n"

    def alone(self, texts: Sequence[str]) -> Rendered:
        found = super().alone(texts)
        end = len(found.text[: found.masks[0][0]].rstrip())  # the word brings its space
        fields = [(start, min(stop, end)) for start, stop in found.fields if start < end]
        return Rendered(found.text[:end], fields, found.ways[: len(fields)], [], found.softs)

    def _marks(self, offsets: Spans, one: Rendered) -> list[int]:
        del one
        last = max((place for place, (start, end) in enumerate(offsets) if end > start), default=len(offsets) - 1)
        return [0 if place == last else -1 for place in range(len(offsets))]


class Apart(Cloze):
    """For an encoder-decoder: the decoder names the mask, where the tokenizer has signs for that, and goes on with the word."""

    asks: ClassVar[Asked | None] = "apart"
    width: ClassVar[int] = 0
    apart: ClassVar[bool] = True

    def _part(self, tokenizer: Any, ids: list[list[int]], marks: list[list[int]]) -> Part:
        del marks
        sign = self.signs[0]
        written = [*([tokenizer.convert_tokens_to_ids(sign)] if sign else []), filler(tokenizer)]
        table = [(len(one) + len(written), len(one), row) for row, one in enumerate(ids)]
        return Part(flat([one + written for one in ids]), np.array(table, dtype=np.int64), len(ids))


def _shortened(source: str) -> str:
    return source if len(source) <= SHOWN else f"{source[:SHOWN]}..."


def places(offsets: Spans, spans: Spans) -> list[int]:
    """Places of the tokens that have a part in one of the spans."""
    return [place for place, pair in enumerate(offsets) if any(_touches(pair, span) for span in spans)]


def _within(pair: tuple[int, int], span: tuple[int, int]) -> bool:
    return span[0] <= pair[0] < pair[1] <= span[1]


def _touches(pair: tuple[int, int], span: tuple[int, int]) -> bool:
    return max(pair[0], span[0]) < min(pair[1], span[1])
