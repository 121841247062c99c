"""What went wrong, where, and how to mend it: the one voice of every error a user can cause.

    tickets.csv row 418, column "label": the label is missing. Fill it in or delete the row.  [E-LABEL]

Place: rule. Value. Remedy. Code. All problems of one input come together, never one per run.
Exit codes: 2 for every mistake of a user; 3 for a comparison of which a part failed; 1 is left for bugs of ours, the only case
with a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

CODES: dict[str, str] = {
    "E-FILE": "a file or folder cannot be read or written",
    "E-FORMAT": "a file's format, encoding or quoting is broken",
    "E-COLUMN": "a column is missing, duplicated or cannot be inferred",
    "E-LABEL": "labels are missing, too few or unknown",
    "E-TEXT": "texts are missing or of the wrong kind",
    "E-LOST": "too many rows would lose something",
    "E-SPLIT": "train, dev and test cannot be told apart or overlap",
    "E-NAME": "a name is not known",
    "E-EXPR": "an expression cannot be parsed",
    "E-OPTION": "an option is not known or has the wrong kind",
    "E-RANGE": "a value is out of its range",
    "E-MODEL": "the base model cannot be loaded or cannot do the task",
    "E-METHOD": "a method cannot work here",
    "E-BUDGET": "the budget cannot be kept",
    "E-RUN": "a run folder is in use, damaged or of another study",
    "E-ARTIFACT": "an artifact is damaged or does not fit",
    "E-EXTRA": "an optional package is needed",
}
"""The closed list of codes; each has a paragraph in docs/errors.md (a test compares the two)."""


class LeantuneError(ValueError):
    """Base of every error that a user can cause and mend.

    Args:
        message: place, rule, value and remedy as plain sentences.
        code: one of `CODES`.
    """

    exit_code = 2

    def __init__(self, message: str, code: str) -> None:
        if code not in CODES:
            raise KeyError(f"unknown error code {code}")
        self.message, self.code = message, code
        super().__init__(f"{message}  [{code}]")


class DataError(LeantuneError):
    """The labelled file is at fault."""


class SpecError(LeantuneError):
    """A name, option, expression or recipe is at fault."""


class ArtifactError(LeantuneError):
    """An artifact or run folder is at fault."""


class BudgetError(LeantuneError):
    """What was asked does not fit the budget."""


class Problems:
    """Collects the problems of one input so that all of them are told at once.

    >>> problems = Problems("a.csv")
    >>> problems.add("row 3: the label is missing.", "E-LABEL")
    >>> bool(problems)
    True
    """

    def __init__(self, place: str, shown: int = 8) -> None:
        self.place, self.shown, self.found = place, shown, list[tuple[str, str]]()

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(self, message: str, code: str) -> None:
        """Note one problem; nothing is raised yet."""
        self.found.append((message, code))

    def raise_if_any(self, kind: type[LeantuneError] = DataError) -> None:
        """Raise one error that names every problem (the first `shown` in full, the rest counted)."""
        if not self.found:
            return
        first_code = self.found[0][1]
        if len(self.found) == 1:
            raise kind(f"{self.place}: {self.found[0][0]}", first_code)
        lines = [f"  {message}  [{code}]" for message, code in self.found[: self.shown]]
        if len(self.found) > self.shown:
            lines.append(f"  ... and {len(self.found) - self.shown} more")
        raise kind(f"{self.place}: {len(self.found)} problems\n" + "\n".join(lines) + "\n ", first_code)


def raise_together(place: str, faults: Sequence[LeantuneError]) -> None:
    """Raise the only one of some errors as it is, or all of them as one of the kind of the first; nothing without any.

    Args:
        place: what they are about, told where there are several.
        faults: same messages are told once.
    """
    told = {fault.message: fault for fault in faults}
    if len(told) == 1:
        raise faults[0]
    problems = Problems(place)
    for message, fault in told.items():
        problems.add(message, fault.code)
    if faults:
        problems.raise_if_any(type(faults[0]))


MISTYPED = 0.8
"""Likeness to a known name from which on a name that the hub could know means that one."""


def nearest(name: str, names: Iterable[str], *, cutoff: float = 0.55) -> str | None:
    """The name most like `name`, or None when nothing is close (likeness under `cutoff`, 1 for equal names).

    >>> nearest("lorra", ["lora", "head"])
    'lora'
    """
    known = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=cutoff)
    return known[close[0]] if close else None


def unknown_name(kind: str, name: str, names: Sequence[str], code: str = "E-NAME") -> SpecError:
    """The error for a name that does not exist, with the nearest valid one and all of them."""
    close = nearest(name, names)
    hint = f' Closest: "{close}".' if close else ""
    return SpecError(f'No {kind} "{name}".{hint} All: {", ".join(names)}.', code)


def some(values: Sequence[object], most: int = 6) -> str:
    """A short list for a message: the first few, then how many more.

    >>> some([1, 2, 3], most=2)
    '1, 2 (1 more)'
    """
    head = ", ".join(str(value) for value in values[:most])
    return head if len(values) <= most else f"{head} ({len(values) - most:,} more)"
