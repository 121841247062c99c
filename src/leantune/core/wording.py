"""Wording: what a task is said in, the templates of a prompt and the words of each label. Pure data; nothing of it is ever evaluated.

parse_words("negative=terrible|bad, positive=great")      {"negative": ("terrible", "bad"), "positive": ("great",)}
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Literal

from leantune.core.errors import SpecError
from leantune.core.spec import Spec

Asked = Literal["masked", "next", "apart"]
"""How a base is asked for a word: a masked model, a decoder that goes on with the next token, an encoder-decoder that answers apart."""
LABEL = "{label}"
"""In a template around the name of a label, which a sentence encoder reads: "This text is about {label}."."""
_EXAMPLE = 'Write for example --labels "negative=terrible|bad, positive=great".'


class Demonstration(Spec):
    """A training row with its label, shown beside other rows."""

    label: str
    texts: tuple[str, ...]
    """One or two."""


class Wording(Spec):
    """Templates and label words; what a prompt found on the training rows (`kinds.prompt`) stands in it as plain values too."""

    templates: tuple[str, ...] = ()
    """Such as "{text} It was {mask}."; several are an ensemble; those around a label hold {label}."""
    words: dict[str, tuple[str, ...]] = {}
    """The words of each label."""
    priors: dict[str, tuple[float, ...]] = {}
    """Log-probability of each word where no text stands; empty where words are read as they are."""
    demonstrations: tuple[Demonstration, ...] = ()
    """In the order in which they are shown; of each label one more than are shown, where there are so many."""
    settled: bool = False
    """Whether a prompt has settled it, so that nothing is left to be found."""

    @property
    def around_rows(self) -> tuple[str, ...]:
        """Templates that put a row into words."""
        return tuple(template for template in self.templates if LABEL not in template)

    @property
    def around_labels(self) -> tuple[str, ...]:
        """Templates that put the word of a label into words."""
        return tuple(template for template in self.templates if LABEL in template)

    @property
    def in_turn(self) -> tuple[str, ...]:
        """The first word of each label, then the second ones, and so on."""
        turns = zip_longest(*self.words.values())
        return tuple(word for turn in turns for word in turn if word is not None)


def spoken(template: str, word: str) -> str:
    """A template around a label with a word in it; doubled braces are braces.

    >>> spoken("{{It}} was {label}.", "great")
    '{It} was great.'
    """
    return word.join(part.replace("{{", "{").replace("}}", "}") for part in template.split(LABEL))


def parse_words(text: str) -> dict[str, tuple[str, ...]]:
    r"""Label words from one line: `LABEL=WORD|WORD, LABEL=WORD`; a backslash takes the meaning from `,`, `=`, `|` and itself.

    Raises:
        SpecError: E-OPTION for a label without a word or named twice.
    """
    found: dict[str, tuple[str, ...]] = {}
    for part in _split(text, ","):
        label, *rest = (one.strip() for one in _split(part, "="))
        if not label or len(rest) != 1:
            raise SpecError(f'--labels: "{part.strip()}" is not LABEL=WORD. {_EXAMPLE}', "E-OPTION")
        words = tuple(_plain(word.strip()) for word in _split(rest[0], "|"))
        if not all(words):
            raise SpecError(f'--labels: the label "{_plain(label)}" has an empty word. {_EXAMPLE}', "E-OPTION")
        if _plain(label) in found:
            raise SpecError(f'--labels: the label "{_plain(label)}" is given twice. Join its words by "|". {_EXAMPLE}', "E-OPTION")
        found[_plain(label)] = words
    return found


def plain(label: str) -> str:
    """The name of a label as words: card_arrival, CardArrival and card-arrival become "card arrival".

    >>> plain("CardArrival"), plain("card_arrival?")
    ('card arrival', 'card arrival')
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    return " ".join(re.sub(r"[\W_]+", " ", parted).split()).lower() or label


def named(labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The names of labels as their words, as plain as they can be without two becoming one.

    >>> named(["good_film", "C#", "C++"])
    {'good_film': ('good film',), 'C#': ('C#',), 'C++': ('C++',)}
    """
    counts = Counter(plain(label) for label in labels)
    return {label: (plain(label) if counts[plain(label)] == 1 else label,) for label in labels}


def silent(words: Mapping[str, Sequence[str]]) -> list[str]:
    """The labels whose words are their names and say nothing, because no letter is in them.

    >>> silent({"0": ["0"], "1": ["great"], "-1": ["-1"]})
    ['0', '-1']
    """
    own = named(list(words))
    return [label for label, said in words.items() if tuple(said) == own[label] and not any(map(str.isalpha, said[0]))]


def _split(text: str, separator: str) -> list[str]:
    """At each separator that no backslash stands before; the backslashes stay."""
    parts, escaped = [""], False
    for letter in text:
        if letter == separator and not escaped:
            parts.append("")
        else:
            parts[-1] += letter
        escaped = letter == "\\" and not escaped
    return parts


def _plain(text: str) -> str:
    """Without the backslashes."""
    found, escaped = "", False
    for letter in text:
        escaped = letter == "\\" and not escaped
        found += "" if escaped else letter
    return found
