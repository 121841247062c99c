"""A row as a model reads it behind a prompt, token by token, with what each token is there for.

[CLS] great film It was [MASK] . [SEP]      special, text, text, template, template, mask, template, special
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from leantune.core.spec import Spec
from leantune.data.pieces._cloze import Cloze, places
from leantune.data.soft_tokens import FREE, soft_starts

DRAWN = "~"
"""Stands for a soft token that starts from no word of the template."""
Kind = Literal["special", "template", "text", "demonstration", "mask", "soft", "cut"]


class Token(Spec):
    """One token; or what was cut there, or where a decoder is asked to go on, which are none."""

    text: str
    kind: Kind
    """What tokenizers put around · the template (and texts that are never shortened) · texts of the row · rows shown beside it · where the
    word is sought · trained vectors · a note of what was left out."""
    spaced: bool = False
    """Whether a space stands before it."""


class Seen(Spec):
    """A row behind one template."""

    template: str
    tokens: tuple[Token, ...]
    read: int
    """Tokens that the model reads."""
    left_out: int
    """Tokens of the row's texts that have no room."""


def seen(tokenizer: Any, prompt: Cloze, texts: Sequence[str], length: int) -> Seen:
    """One row.

    Args:
        tokenizer: of the base.
        prompt: how rows are put into words.
        texts: of the row, one or two.
        length: tokens that the model reads at most.

    Raises:
        SpecError: E-RANGE where the template alone is too long.
    """
    one = prompt.rendered(texts)
    coded = tokenizer(one.text, return_offsets_mapping=True)
    offsets = coded["offset_mapping"]
    kept = prompt.kept_places(coded["input_ids"], offsets, one, length)
    own = _span(one.text, prompt.alone(texts).text, leads=prompt.leads)
    kinds: dict[int, Kind] = {place: "demonstration" for place, (start, end) in enumerate(offsets) if not own[0] <= start <= end <= own[1]}
    spans: list[tuple[Kind, Sequence[tuple[int, int]]]] = [("text", one.fields), ("mask", one.masks), ("soft", one.softs)]
    kinds |= {place: kind for kind, wanted in spans for place in places(offsets, wanted)}
    softs = iter(_softs(tokenizer, prompt))
    found, last, end = list[Token](), -1, 0
    for place in kept:
        if place > last + 1:
            found.append(Token(text=f"… {place - last - 1} left out …", kind="cut", spaced=True))
        start, stop = offsets[place]
        if start == stop:  # stands for no character
            sign = str(tokenizer.convert_ids_to_tokens(coded["input_ids"][place]))
            found.append(Token(text=sign, kind="special", spaced=True))
        else:
            text, kind = one.text[start:stop], kinds.get(place, "template")
            spaced = start > end or text[:1].isspace() or place > last + 1
            found.append(Token(text=next(softs) if kind == "soft" else text.strip() or text, kind=kind, spaced=spaced or kind == "soft"))
        last, end = place, stop or end
    if not any(token.kind == "mask" for token in found):
        found.append(Token(text="", kind="mask", spaced=True))
    return Seen(template=prompt.prompt.source, tokens=tuple(found), read=len(kept), left_out=len(offsets) - len(kept))


def _softs(tokenizer: Any, prompt: Cloze) -> list[str]:
    """What each soft token starts from."""
    starts = [token for run in soft_starts(tokenizer, prompt.prompt) for token in run] if prompt.softs else []
    return [DRAWN if token == FREE else str(tokenizer.convert_ids_to_tokens(token)).strip("▁Ġ") for token in starts]


def _span(text: str, own: str, *, leads: bool) -> tuple[int, int]:
    """Where the row's own words stand beside demonstrations."""
    return (len(text) - len(own), len(text)) if leads else (0, len(own))
