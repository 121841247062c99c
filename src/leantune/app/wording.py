"""The words of the labels of a study: as the user gave them, or the names of the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leantune.core.errors import Problems, SpecError, nearest, some
from leantune.core.wording import Wording, named


def wording_of(templates: Sequence[str], given: Mapping[str, Sequence[str]], labels: Sequence[str]) -> Wording:
    """Templates and words that go with the labels of the data.

    Raises:
        SpecError: E-LABEL with everything that is wrong: labels that the data lack, labels without a word, words of two labels.
    """
    problems = Problems("--labels")
    for label in given:
        if label not in labels:
            close = nearest(label, labels)
            problems.add(f'the data have no label "{label}".' + (f' Closest: "{close}".' if close else f" All: {some(labels)}."), "E-LABEL")
    if not given:
        return Wording(templates=tuple(templates), words=named(labels))
    words = {label: tuple(dict.fromkeys(given.get(label, ()))) for label in labels}
    if missing := [label for label, own in words.items() if not own]:
        problems.add(f"no word for {some(missing)}. Give one for each label: {missing[0]}=WORD.", "E-LABEL")
    owners: dict[str, str] = {}
    for label, own in words.items():
        for word in own:
            if (other := owners.setdefault(word.casefold(), label)) != label:
                problems.add(f'the word "{word}" stands for "{other}" and for "{label}". Take it out of one of them.', "E-LABEL")
    problems.raise_if_any(SpecError)
    return Wording(templates=tuple(templates), words=words)
