"""The data check: facts and findings about a prepared data set, before anything is trained.

    report = check(dataset, Ruler(counter, Room(128)))
    for finding in report.findings: print(finding.severity, finding.message)

Each kind of finding is one file in `checks/`; a further file there joins by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leantune.core import catalogue
from leantune.core.human import plural
from leantune.core.records import CheckFinding, CheckReport
from leantune.data.checks._rows import finding, label_counts, named
from leantune.data.dataset import Dataset
from leantune.data.lengths import Lengths, Ruler, TokenCounter, measured
from leantune.data.pieces._pieces import Pieces, too_long

_ORDER = {"error": 0, "warning": 1, "info": 2}
_MUCH = 0.05


def check(dataset: Dataset, ruler: Ruler | None = None) -> CheckReport:
    """Check a prepared data set.

    Args:
        dataset: what `prepare` gave.
        ruler: counts tokens and says how many a row and a target may have; without it no lengths are reported.
    """
    findings: list[CheckFinding] = []
    for name in catalogue.names("data.checks"):
        findings.extend(catalogue.load("data.checks", name)(dataset))
    values: dict[str, object] = {
        "source": dataset.source,
        "splits": dataset.manifest.sizes,
        "labels": (counts := {split: _label_counts(dataset, split) for split in dataset.splits}),
        "wholes": {split: sum(counts[split].values()) if dataset.gold.words else dataset.manifest.sizes[split] for split in counts},
    }
    if ruler is not None:
        lengths = measured(dataset, ruler)
        findings += cuts(dataset, ruler, lengths)
        values |= _facts(lengths, in_pieces=ruler.kind(dataset).overlapping)
    return CheckReport.build("check", values | {"findings": sorted(findings, key=lambda one: _ORDER[one.severity])})


def _facts(lengths: Lengths, *, in_pieces: bool) -> dict[str, object]:
    texts, targets = lengths.texts, lengths.targets
    facts: dict[str, object] = {
        "length_quantiles": texts.quantiles,
        "max_length": texts.most,
        "truncated_share": None if in_pieces else texts.cut,
    }
    if targets is not None:
        facts |= {"target_quantiles": targets.quantiles, "target_length": targets.most, "truncated_targets": targets.cut}
    return facts


def cuts(dataset: Dataset, ruler: Ruler, lengths: Lengths) -> Iterator[CheckFinding]:
    """What is longer than can be read or learned to be written."""
    kind, texts, targets = ruler.kind(dataset), lengths.texts, lengths.targets
    if most_first := kind.most_first(ruler.room.length):
        yield from _long_firsts(dataset, ruler.count, most_first)
    if texts.cut:
        yield _in_pieces(texts.cut, texts.most) if kind.overlapping else _truncated(texts.cut, texts.most, kind)
    if targets is not None and targets.cut:
        message = f"{_part(targets.cut)} of the targets are longer than {targets.most} tokens; their end is cut and is never learned."
        severity = "warning" if targets.cut > _MUCH else "info"
        yield finding("truncated_targets", severity, message, fix="Raise --max-target-length (slower)." if targets.cut > _MUCH else None)


def _label_counts(dataset: Dataset, split: str) -> dict[str, int]:
    if not dataset.gold.coded:
        return {}
    counts = label_counts(dataset.splits[split], len(dataset.labels))
    return {dataset.labels[index]: int(counts[index]) for index in np.argsort(-counts, kind="stable") if counts[index]}


def _truncated(share: float, max_length: int, kind: Pieces) -> CheckFinding:
    where = " at their beginning" if kind.cuts == "left" else ""
    message = f"{_longer(share, max_length)} and {kind.loses or f'would be cut{where}'}."
    place = "end" if kind.cuts == "left" else "front"
    instead = "" if kind.loses else f", or put what decides at the {place} of the text"
    fix = f"Raise --max-length (slower){instead}." if share > _MUCH else None
    return finding("truncated", "warning" if share > _MUCH else "info", message, fix=fix)


def _in_pieces(share: float, max_length: int) -> CheckFinding:
    return finding("long", "info", f"{_longer(share, max_length)}; they are read in overlapping pieces.")


def _long_firsts(dataset: Dataset, tokenizer: TokenCounter, most: int) -> list[CheckFinding]:
    """First texts whose end the model does not read."""
    found = []
    for split, examples in dataset.splits.items():
        numbers = [
            int(chunk.rows[place])
            for chunk in examples.chunks()
            if chunk.rows is not None
            for place in too_long(lambda texts: tokenizer(texts, None), chunk.texts, most)
        ]
        if numbers:
            what = f'{plural(len(numbers), f"{split} row")} have a "{dataset.columns.text}" of more than {most} tokens, whose end is cut'
            message = f"{what}: {named(dataset, split, numbers)}."
            fix = "Raise --max-length, or shorten these rows."
            found.append(finding("truncated", "warning", message, rows=numbers, fix=fix))
    return found


def _longer(share: float, max_length: int) -> str:
    return f"{_part(share)} of the rows are longer than {max_length} tokens"


def _part(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "Under 1%"
