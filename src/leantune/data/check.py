"""The data check: facts and findings about a prepared data set, before anything is trained.

    report = check(dataset, tokenizer=counter, max_length=128)
    for finding in report.findings: print(finding.severity, finding.message)

Each kind of finding is one file in `checks/`; a further file there joins by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np

from leantune.core import catalogue
from leantune.core.human import plural
from leantune.core.records import CheckFinding, CheckReport
from leantune.data.checks._rows import finding, label_counts, named, rows
from leantune.data.dataset import Dataset
from leantune.data.pieces._pieces import Pieces, too_long
from leantune.data.table import CHUNK_ROWS

TokenCounter = Callable[[list[str], list[str] | None], Sequence[int]]
"""Tokens of each text (with its pair), special tokens included, nothing cut off."""

MOST_MEASURED = 50_000
"""Rows whose tokens are counted, evenly drawn over all splits."""

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
_ORDER = {"error": 0, "warning": 1, "info": 2}
_MUCH = 0.05


def check(dataset: Dataset, *, tokenizer: TokenCounter | None = None, max_length: int | None = None) -> CheckReport:
    """Check a prepared data set.

    Args:
        dataset: what `prepare` gave.
        tokenizer: counts tokens; without it no lengths are reported.
        max_length: tokens a row may have; longer rows would be cut.
    """
    findings: list[CheckFinding] = []
    for name in catalogue.names("data.checks"):
        findings.extend(catalogue.load("data.checks", name)(dataset))
    lengths = _lengths(dataset, tokenizer) if tokenizer else None
    truncated = float((lengths > max_length).mean()) if lengths is not None and max_length else None
    pieces: Pieces = catalogue.load("data.pieces", dataset.gold.pieces)
    in_pieces = pieces.overlapping
    most_first = pieces.most_first(max_length) if max_length else None
    if tokenizer and most_first:
        findings.extend(_long_firsts(dataset, tokenizer, most_first))
    if truncated:
        findings.append(_in_pieces(truncated, max_length or 0) if in_pieces else _truncated(truncated, max_length or 0, pieces.cuts))
    return CheckReport(
        source=dataset.source,
        splits=dataset.manifest.sizes,
        labels={split: _label_counts(dataset, split) for split in dataset.splits},
        length_quantiles=_quantiles(lengths),
        max_length=max_length,
        truncated_share=None if in_pieces else truncated,
        findings=sorted(findings, key=lambda one: _ORDER[one.severity]),
    )


def _label_counts(dataset: Dataset, split: str) -> dict[str, int]:
    if not dataset.gold.coded:
        return {}
    counts = label_counts(dataset.splits[split], len(dataset.labels))
    return {dataset.labels[index]: int(counts[index]) for index in np.argsort(-counts, kind="stable") if counts[index]}


def _lengths(dataset: Dataset, tokenizer: TokenCounter) -> np.ndarray:  # type: ignore[type-arg]
    """Tokens per row, int64, of at most about `MOST_MEASURED` rows."""
    total, found = sum(dataset.manifest.sizes.values()), list[int]()
    for examples in dataset.splits.values():
        block = []
        for row in rows(examples, max(1, MOST_MEASURED * len(examples) // total)):
            block.append(row)
            if len(block) == CHUNK_ROWS:
                found.extend(_counted(block, tokenizer, dataset.gold.pieces))
                block = []
        found.extend(_counted(block, tokenizer, dataset.gold.pieces))
    return np.array(found, np.int64)


def _counted(block: list, tokenizer: TokenCounter, pieces: str) -> Sequence[int]:  # type: ignore[type-arg]
    if not block:
        return []
    if pieces == "options":  # each is read alone behind the text; the longest one counts
        return tokenizer([row.text for row in block], [max(json.loads(row.pair), key=len) for row in block])
    return tokenizer([row.text for row in block], [row.pair for row in block] if block[0].pair is not None else None)


def _quantiles(lengths: np.ndarray | None) -> dict[str, int]:  # type: ignore[type-arg]
    if lengths is None or not len(lengths):
        return {}
    return {name: int(np.quantile(lengths, at, method="inverted_cdf")) for name, at in _QUANTILES.items()}


def _truncated(share: float, max_length: int, side: str | None) -> CheckFinding:
    message = f"{_longer(share, max_length)} and would be cut{' at their beginning' if side == 'left' else ''}."
    place = "end" if side == "left" else "front"
    fix = f"Raise --max-length (slower), or put what decides at the {place} of the text." if share > _MUCH else None
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
    part = f"{share:.0%}" if share >= 0.01 else "Under 1%"
    return f"{part} of the rows are longer than {max_length} tokens"
