"""Soft tokens as a tokenizer sees them: what stands in the text where trained vectors will, and which tokens these start from.

    soft_starts(tokenizer, template)        [(2003, 2023, 2204), (FREE, FREE)]      of {soft:Is this good} and {soft:2}
    placeholder(tokenizer)                  "[MASK]"                                one token wherever it stands

In the encoded rows the j-th soft token of a template is the number -(j + 1), which no word has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leantune.core.errors import SpecError
from leantune.data.pieces._pieces import Tokenizer, require_fast
from leantune.data.template import Template

FREE = -1
"""Starts from no word of the template."""
FREQUENT = 5_000
"""Words from which the free ones are drawn, as in Lester et al. 2021 (arXiv:2104.08691, section 3.2)."""
_ROLES = ("mask_token", "unk_token", "eos_token", "bos_token", "cls_token", "sep_token", "pad_token")
"""In this order; the padding last, because some families give it no position."""


def placeholder(tokenizer: Tokenizer) -> str:
    """A text that is one token wherever it stands.

    Raises:
        SpecError: E-MODEL where the tokenizer has none, or is not a fast one.
    """
    require_fast(tokenizer)
    for sign in (getattr(tokenizer, role, None) for role in _ROLES):
        if sign and len(tokenizer(sign * 2, add_special_tokens=False)["input_ids"]) == 2:
            return str(sign)
    raise SpecError("The tokenizer of the base model has no special token that could stand for a soft one. Choose another base.", "E-MODEL")


def soft_starts(tokenizer: Tokenizer, template: Template) -> list[tuple[int, ...]]:
    """For each run of soft tokens the tokens that they start from.

    Raises:
        SpecError: E-LABEL for words that the tokenizer does not know.
    """
    found = []
    for part in template.softs:
        words = tuple(tokenizer(part.words, add_special_tokens=False)["input_ids"]) if part.words else (FREE,) * part.tokens
        if getattr(tokenizer, "unk_token_id", None) in words or not words:
            message = f'The prompt "{template.source}": the tokenizer does not know the words of {{soft:{part.words.strip()}}}'
            raise SpecError(f"{message}. Choose others, or say how many tokens it shall be.", "E-LABEL")
        found.append(words)
    return found


def soft_signs(tokenizer: Tokenizer, template: Template) -> tuple[str, ...]:
    """What stands in the text at each run of soft tokens: one sign for each of them."""
    sign = placeholder(tokenizer)
    return tuple(sign * len(run) for run in soft_starts(tokenizer, template))


def frequent(tokenizer: Any) -> tuple[int, ...]:
    """The first words of the vocabulary, all letters; tokenizers number the frequent ones first."""
    marks = "\u2581\u0120"  # what stands for a space in SentencePiece and in byte-level vocabularies
    found = []
    for number, token in enumerate(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))):
        if token and token.lstrip(marks).isalpha() and number not in tokenizer.all_special_ids:
            found.append(number)
        if len(found) == FREQUENT:
            break
    return tuple(found)


def numbered(ids: Sequence[int], places: Sequence[int]) -> list[int]:
    """Tokens with soft ones at these places.

    >>> numbered([5, 6, 7, 8], [1, 3])
    [5, -1, 7, -2]
    """
    numbers = {place: -(count + 1) for count, place in enumerate(places)}
    return [numbers.get(place, token) for place, token in enumerate(ids)]
