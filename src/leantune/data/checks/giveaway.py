"""Texts that give the answer away: the label's own words, or one word that settles it."""

from __future__ import annotations

from collections import Counter

from leantune.core.errors import some
from leantune.core.records import CheckFinding
from leantune.data.checks._rows import finding, rows, words
from leantune.data.dataset import Dataset
from leantune.data.keys import normalise

MOST_ROWS = 5_000
"""Train rows looked at, evenly drawn."""

_LEAST_ROWS = 20
_SETTLED = 0.95
_ELSEWHERE = 0.02


def find(dataset: Dataset) -> list[CheckFinding]:
    """Findings on label words and on single words; answers that are no labels have none."""
    if not dataset.gold.closed:
        return []
    return [*_label_words(dataset), *_single_words(dataset)]


def _label_words(dataset: Dataset) -> list[CheckFinding]:
    """Rows whose text holds the words of their own label and of no other."""
    phrases = [f" {' '.join(words(normalise(label)))} " for label in dataset.labels]
    seen, numbers = 0, []
    for row in rows(dataset.splits["train"], MOST_ROWS):
        text = f" {' '.join(words(normalise(row.whole)))} "
        seen += 1
        if phrases[row.label].strip() and [index for index, phrase in enumerate(phrases) if phrase.strip() and phrase in text] == [
            row.label
        ]:
            numbers.append(row.number)
    part = len(numbers) / max(1, seen)
    if part < 0.5:
        return []
    message = f"In {part:.0%} of the train rows the text holds the name of its own label and of no other."
    return [
        finding(
            "giveaway",
            "error" if part > 0.9 else "warning",
            message,
            rows=numbers,
            fix="Take the label out of the text, unless it stands there in use too.",
        )
    ]


def _single_words(dataset: Dataset) -> list[CheckFinding]:
    """Labels that one word nearly marks: it stands in 95 % of the label's rows and in 2 % of the others at most."""
    per_label: Counter[int] = Counter()
    holding: dict[int, Counter[str]] = {index: Counter() for index in range(len(dataset.labels))}
    total: Counter[str] = Counter()
    for row in rows(dataset.splits["train"], MOST_ROWS):
        found = set(words(row.whole))
        per_label[row.label] += 1
        holding[row.label].update(found)
        total.update(found)
    marks, settled, seen = [], 0, sum(per_label.values())
    for label, count in per_label.items():
        word, inside = max(holding[label].items(), key=lambda item: (item[1] - (total[item[0]] - item[1]), item[0]), default=("", 0))
        outside = (total[word] - inside) / max(1, seen - count)
        if count >= _LEAST_ROWS and inside >= _SETTLED * count and outside <= _ELSEWHERE:
            marks.append(f'"{word}" for "{dataset.labels[label]}" ({inside} of {count} rows, elsewhere {total[word] - inside})')
            settled += count
    if not marks:
        return []
    message = f"A single word nearly settles {len(marks)} of {len(dataset.labels)} labels: {some(marks, 3)}."
    severity = "warning" if settled > 0.5 * seen else "info"
    return [
        finding("giveaway", severity, message, fix="Make sure that the word is there in use too, and not left by how the data was made.")
    ]


MEMBER = find
