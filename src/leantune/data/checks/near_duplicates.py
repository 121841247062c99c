"""Near duplicates: texts whose sets of word pairs overlap by 80 % (Jaccard), found by MinHash and verified.

Only the first row of each exact duplicate takes part, and at most `MOST_ROWS` rows (a third of them of the test
sets, a sixth dev); how many were compared is said. The door to `datasketch`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import pairwise

from datasketch import MinHash, MinHashLSH

from leantune.core.records import CheckFinding
from leantune.data.checks._rows import Row, between, finding, rows, share, words
from leantune.data.dataset import Dataset

MOST_ROWS = 12_000
"""Rows that are compared; more would take longer than the first trial."""

JACCARD = 0.8
_PERMUTATIONS = 48
_SHORTEST = 4
"""Words under which a text is too short to be nearly the same as another."""

Place = tuple[str, int]
"""Split and row number."""


def find(dataset: Dataset) -> list[CheckFinding]:
    """Near duplicates inside each split and between splits."""
    chosen = list(_chosen(dataset))
    matches = _matches(chosen)
    total = sum(len(examples) for examples in dataset.splits.values())
    note = f", {len(chosen):,} of {total:,} rows compared" if total > MOST_ROWS else ""
    found = []
    for held, other in [*between(dataset), ("train", "train")]:
        pairs = [(one, two) for one, two in matches if (one[0], two[0]) == (held, other)]
        if pairs:
            found.append(_finding(dataset, pairs, note))
    return found


def _chosen(dataset: Dataset) -> Iterator[tuple[Place, frozenset[int]]]:
    """Rows to compare with the hashes of their word pairs; train last, as it may be cut."""
    seen, count = set[int](), 0
    tests = list(dataset.tests.values())
    shares = {test: MOST_ROWS // 3 * place // len(tests) for place, test in enumerate(tests, 1)}
    for split, most in {**shares, "dev": MOST_ROWS // 2, "train": MOST_ROWS}.items():
        examples = dataset.splits[split]
        for row, key in zip(rows(examples), examples.keys.tolist(), strict=True):
            shingles = _shingles(row)
            if key in seen or shingles is None:
                continue
            if count >= most:
                break
            seen.add(key)
            count += 1
            yield (split, row.number), shingles


def _shingles(row: Row) -> frozenset[int] | None:
    tokens = words(row.whole)
    if len(tokens) < _SHORTEST:
        return None
    return frozenset(zlib.crc32(f"{one} {two}".encode()) for one, two in pairwise(tokens))


def _matches(chosen: list[tuple[Place, frozenset[int]]]) -> list[tuple[Place, Place]]:
    """(later, earlier) pairs over the threshold, named by the split that is scored first."""
    index = MinHashLSH(threshold=JACCARD, num_perm=_PERMUTATIONS)
    hashed = MinHash.bulk([shingles for _, shingles in chosen], num_perm=_PERMUTATIONS, hashfunc=int)
    matches = []
    for number, ((place, shingles), sketch) in enumerate(zip(chosen, hashed, strict=True)):
        for candidate in sorted(index.query(sketch)):
            other_place, other = chosen[candidate]
            if len(shingles & other) >= JACCARD * len(shingles | other):
                matches.append((other_place, place) if other_place[0] != place[0] else (place, other_place))
        index.insert(number, sketch)
    return matches


def _finding(dataset: Dataset, pairs: list[tuple[Place, Place]], note: str) -> CheckFinding:
    (held, _), (other, _) = pairs[0]
    numbers = sorted({one[1] for one, _ in pairs})
    shown = ", ".join(f"row {one[1]} and {other + ' ' if other != held else ''}row {two[1]}" for one, two in pairs[:3])
    size = len(dataset.splits[held])
    where = f"nearly equal a row of {other}" if held != other else "nearly equal an earlier row"
    message = f"{share(len(numbers), size)} of {held} {where} (80% of the word pairs{note}): {shown}."
    severity = "warning" if held != other and len(numbers) > 0.01 * size else "info"
    fix = f"Look at the pairs; delete copies from {other if other == 'train' else held}." if held != other else None
    return finding("near_duplicates", severity, message, rows=numbers, fix=fix)


MEMBER = find
