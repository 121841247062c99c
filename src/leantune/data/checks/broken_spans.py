"""Tags of spans that do not go together: an I- that goes on with nothing, and tags without a mark of their place in a span.

They are kept as they are. Scores read an I- without a B- as the beginning of a span, as conlleval and seqeval do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from leantune.core.errors import some
from leantune.core.human import plural
from leantune.core.records import CheckFinding
from leantune.data.checks._rows import finding, named, share
from leantune.data.dataset import Dataset
from leantune.data.examples import Examples

_OUTSIDE = "O"
_GOES_ON = {"I": "BI", "E": "BI", "M": "BM", "L": "BI"}
"""Marks that need one before them in the same span, and which: BIO, BIOES, BMES, BILOU."""
_MARKS = "BIESLUM"


def find(dataset: Dataset) -> list[CheckFinding]:
    """Findings on tags of spans; other answers have none."""
    labels = dataset.labels
    if not (dataset.gold.coded and dataset.gold.words) or not any(label[:2] in ("B-", "I-") for label in labels):
        return []
    return [*_unmarked(dataset), *(() if _only_parts(dataset) else _orphans(dataset))]


def _unmarked(dataset: Dataset) -> list[CheckFinding]:
    """Tags that are no part of a span."""
    words = Counter(dataset.labels[tag] for examples in dataset.splits.values() for tags in examples.gold for tag in tags)
    odd = [label for label in dataset.labels if label != _OUTSIDE and not _is_marked(label)]
    if not odd:
        return []
    shown = some([f'"{label}" ({plural(words[label], "word")})' for label in odd])
    is_ = "tag is" if len(odd) == 1 else "tags are"
    message = f"{len(odd)} {is_} neither O nor marked with B- or I-, though others are: {shown}."
    lost = any(label[1:2] != "-" for label in odd)
    if lost:
        message += " So the tags are not taken for spans, and the score is accuracy unless --metric entity_f1 is named."
    return [
        finding(
            "broken_spans", "warning", message, fix="Write B- before the type at the first word of a span, I- at the others, O outside."
        )
    ]


def _orphans(dataset: Dataset) -> list[CheckFinding]:
    """Rows with a part of a span that goes on with nothing."""
    found = []
    for split, examples in dataset.splits.items():
        numbers = [row for row, tags in _rows(examples, dataset.labels) if any(True for _ in _loose(tags))]
        if numbers:
            message = f"{share(len(numbers), len(examples))} of {split} have an I- that follows no B- or I- of its type"
            message += f": {named(dataset, split, numbers)}. It is scored as the beginning of a span, as seqeval does."
            found.append(finding("broken_spans", "warning", message, rows=numbers, fix="Write B- at the first word of each span."))
    return found


def _only_parts(dataset: Dataset) -> bool:
    """Whether spans begin with I- as a rule (IOB1), where B- only parts neighbours."""
    begun, loose = 0, 0
    for _, tags in _rows(dataset.splits["train"], dataset.labels):
        begun += sum(tag[:2] in ("B-", "S-", "U-") for tag in tags)
        loose += sum(1 for _ in _loose(tags))
    return loose > begun


def _rows(examples: Examples, labels: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    for row, tags in zip(examples.rows, examples.gold, strict=True):
        yield int(row), [labels[int(tag)] for tag in tags]


def _loose(tags: Sequence[str]) -> Iterator[int]:
    """Places of tags that go on with nothing."""
    before = _OUTSIDE
    for place, tag in enumerate(tags):
        if _is_marked(tag) and tag[0] in _GOES_ON and not (before[2:] == tag[2:] and before[0] in _GOES_ON[tag[0]]):
            yield place
        before = tag


def _is_marked(tag: str) -> bool:
    return tag[1:2] == "-" and tag[0] in _MARKS


MEMBER = find
