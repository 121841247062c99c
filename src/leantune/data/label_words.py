"""Label words as tokens: what stands at the masks of a template for each word of each label.

    label_words(tokenizer, template, {"no": ["bad"], "yes": ["very good"]})[1][0]     ((6331, 2204),)     one run of tokens for each mask

Words are tokenised where they stand, behind what the template says before them, because a byte-level token includes the space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leantune.core.errors import Problems, SpecError
from leantune.core.human import plural
from leantune.data.pieces._pieces import Tokenizer, require_fast
from leantune.data.template import Mask, Template

Word = tuple[tuple[int, ...], ...]
"""Tokens at each mask."""
_IDEOGRAPHS = 0x2E80
"""From here on characters are words or syllables."""


def label_words(tokenizer: Tokenizer, template: Template, words: Mapping[str, Sequence[str]]) -> tuple[tuple[Word, ...], ...]:
    """Tokens of the words of each label.

    Args:
        tokenizer: of the base.
        template: with one mask or several; then a word has as many parts, with spaces between.
        words: of each label, in the order of the labels.

    Raises:
        SpecError: E-LABEL with every word that the tokenizer does not know, that is the same tokens as another one or that has another
            number of parts, E-MODEL without a fast tokenizer.
    """
    require_fast(tokenizer)
    problems, befores = Problems(f'The prompt "{template.source}"'), list(_befores(template))
    found, owners = [], dict[Word, tuple[str, str]]()
    for label, own in words.items():
        tokens = []
        for word in own:
            parts = [word] if len(befores) == 1 else word.split()
            if len(parts) != len(befores):
                problems.add(f'the word "{word}" of label "{label}" has {plural(len(parts), "part")} for {len(befores)} masks.', "E-LABEL")
                continue
            tokens.append(tuple(_inside(tokenizer, before, part) for before, part in zip(befores, parts, strict=True)))
            other, its = owners.setdefault(tokens[-1], (word, label))
            if (other, its) != (word, label):
                problems.add(f'"{word}" of label "{label}" and "{other}" of "{its}" are the same to the tokenizer. Keep one.', "E-LABEL")
            if any(not run or getattr(tokenizer, "unk_token_id", None) in run for run in tokens[-1]):
                problems.add(f'the tokenizer does not know the word "{word}" of label "{label}". Choose another one.', "E-LABEL")
        found.append(tuple(tokens))
    problems.raise_if_any(SpecError)
    return tuple(found)


def whole_words(tokenizer: Tokenizer, template: Template) -> dict[str, int]:
    """The words of one token that can stand at the first mask of a template, with their numbers in the vocabulary.

    Letters only, and two of them at least where letters are not words themselves (as those of Chinese are).
    """
    require_fast(tokenizer)
    vocabulary: Any = tokenizer
    before, signs = next(_befores(template)), vocabulary.convert_ids_to_tokens(range(len(vocabulary)))
    said = {token: vocabulary.decode([token]).strip() for token, sign in enumerate(signs) if sign and not sign.startswith("##")}
    likely = [(word, token) for token, word in said.items() if word.isalpha() and (len(word) > 1 or ord(word) >= _IDEOGRAPHS)]
    coded = tokenizer([before + word for word, _ in likely], add_special_tokens=False, return_offsets_mapping=True)
    found = dict[str, int]()
    for (word, token), ids, offsets in zip(likely, coded["input_ids"], coded["offset_mapping"], strict=True):
        behind = [one for one, (_, end) in zip(ids, offsets, strict=True) if end > len(before)]
        if behind == [token]:
            found.setdefault(word, token)
    return found


def _befores(template: Template) -> Iterator[str]:
    """What the template says right before each mask."""
    before = ""
    for part in template.parts:
        if isinstance(part, Mask):
            yield before
        before = part if isinstance(part, str) else ""


def _inside(tokenizer: Tokenizer, before: str, word: str) -> tuple[int, ...]:
    """The tokens of a word behind other words; its own where they cannot be told apart."""
    coded = tokenizer(before + word, add_special_tokens=False, return_offsets_mapping=True)
    pairs = list(zip(coded["input_ids"], coded["offset_mapping"], strict=True))
    start, spaces = len(before), len(before) - len(before.rstrip())
    found = [(token, first) for token, (first, last) in pairs if last > start]
    if found and found[0][1] < start - spaces:
        return tuple(tokenizer(word, add_special_tokens=False)["input_ids"])
    return tuple(token for token, _ in found)
