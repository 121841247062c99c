"""The test sets of a study: one, or several by name; the first is the main one, the others are further ones.

    named_files(["en=test_en.jsonl", "test_de.jsonl"])      {"en": "test_en.jsonl", "test_de": "test_de.jsonl"}

The main test set is the split "test"; a further one called de is the split "test-de".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from leantune.core.errors import Problems
from leantune.data import hub

MAIN = "test"
"""The split of the main test set, and its name where it has no other."""

_NAME = re.compile(r"\w[\w.-]{0,39}")


def split_of(name: str) -> str:
    """The split of a further test set.

    >>> split_of("de"), split_of("test_de")
    ('test-de', 'test_de')
    """
    return name if name.startswith(f"{MAIN}_") else f"{MAIN}-{name}"


def given_tests(test: Any) -> dict[str | None, Any]:
    """Test sets by name, the main one first; None names the only one where it has no name.

    Args:
        test: rows in any form, or a dictionary of such from names.

    Raises:
        DataError: E-SPLIT for a bad name, a doubled one, or a dictionary without any.
    """
    if test is None:
        return {}
    if not isinstance(test, Mapping) or hub.is_dataset(test):
        return {None: test}
    problems = Problems("test")
    if not test:
        problems.add("the dictionary names no test set. Give rows for each name, or leave it out.", "E-SPLIT")
    _check_names(list(test), problems, 'test={"en": ...}')
    problems.raise_if_any()
    return dict(test)


def named_files(values: Sequence[str], option: str = "") -> dict[str | None, str]:
    """Files by name: `name=file`, or the file alone, which is then called by its name without the ending; a lone file by None.

    Args:
        values: as the user wrote them; a file that has "=" in its own name is taken as it is.
        option: in front of each value, for messages.

    Raises:
        DataError: E-SPLIT with every bad or doubled name.
    """
    pairs, problems = [_pair(value) for value in values], Problems(option or "files")
    if len(values) == 1 and pairs[0][1] == values[0]:
        return {None: values[0]}
    for value, (_, file) in zip(values, pairs, strict=True):
        if not file:
            problems.add(f'"{value}" has no file behind the name.', "E-SPLIT")
    _check_names([name for name, _ in pairs], problems, f"{option} NAME=FILE".strip())
    problems.raise_if_any()
    return dict(pairs)


def named_tests(values: Sequence[str] | None) -> Any:
    """What the options `--test` of a command line mean: nothing, a file, or files by name."""
    if not values:
        return None
    found = named_files(values, "--test")
    return found.get(None, found)


def _pair(value: str) -> tuple[str, str]:
    name, equals, file = value.partition("=")
    if not equals or "/" in name or "\\" in name or Path(value).exists():
        return Path(value).stem, value
    return name, file


def _check_names(names: Iterable[Any], problems: Problems, how: str) -> None:
    seen = set[str]()
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            rule = "up to 40 letters, digits, dots, dashes and underscores"
            problems.add(f'"{name}" is no name for a test set: it needs {rule}. Name it: {how}.', "E-SPLIT")
        elif name.casefold() in seen:
            problems.add(f'two test sets are called "{name}" (case does not count). Name them: {how}.', "E-SPLIT")
        seen.add(str(name).casefold())
