"""Lists of labels that all hold one label: written as lists by accident, or a task with one label for each row."""

from __future__ import annotations

from leantune.core.records import CheckFinding
from leantune.data.checks._rows import finding
from leantune.data.dataset import Dataset


def find(dataset: Dataset) -> list[CheckFinding]:
    """A finding where no row of train has another number of labels than one."""
    if dataset.manifest.gold != "labels":
        return []
    sizes = {len(gold) for gold in dataset.splits["train"].gold}
    if sizes != {1}:
        return []
    message = "train: each row has a list with exactly one label, so several labels for a row are never learned."
    fix = 'If the lists are there by accident, write the label itself ("sport" in place of ["sport"]); it is classification then.'
    return [finding("lone_labels", "warning", message, fix=fix)]


MEMBER = find
