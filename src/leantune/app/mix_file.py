"""What a mixture is made of: a file of tasks (YAML or JSON), or a dictionary in Python.

    temperature: 0.5
    tasks:
      - {name: topics, file: trec.jsonl, dev: dev.jsonl, test: test.jsonl, label: label}
      - {name: slots, file: snips.jsonl, task: tagging}

Files lie beside the file of tasks, or where the command is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from leantune.app.yaml_file import AsNames, read_yaml
from leantune.core.errors import LeantuneError, Problems, SpecError
from leantune.core.spec import Spec

TEMPERATURE = 0.5
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_ENDINGS = (".yaml", ".yml", ".json")


class Ingredient(Spec):
    """One task: where its rows are, and what the user says about them."""

    name: str
    """For tables and folders."""
    file: Any
    dev: Any = None
    test: Any = None
    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    task: str | None = None
    metric: str | None = None

    @property
    def options(self) -> dict[str, str]:
        """What differs from the options of the other tasks."""
        given = {key: getattr(self, key) for key in ("text", "text_pair", "label", "task", "metric")}
        return {key: value for key, value in given.items() if value is not None}


class Mix(Spec):
    """Several tasks."""

    name: str
    tasks: tuple[Ingredient, ...]
    temperature: float = Field(default=TEMPERATURE, ge=0, le=1)


def is_mix(file: str) -> bool:
    """Whether a file names several tasks: any YAML, or a JSON object with the key `tasks`."""
    path = Path(file)
    if path.suffix in _ENDINGS[:2]:
        return True
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        with path.open("rb") as opened:
            if not opened.read(64).lstrip().startswith(b"{"):
                return False
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):  # whoever reads it as rows tells what is wrong with it
        return False
    return isinstance(found, dict) and "tasks" in found


def refuse_for_all(**given: object) -> None:
    """Raise SpecError (E-OPTION) for an option that a file of tasks has beside each task's file."""
    if names := [name.replace("_", "-") for name, value in given.items() if value]:
        raise SpecError(f"--{names[0]} is of one task: write it beside the task's file.", "E-OPTION")


def refuse_for_one(**given: object) -> None:
    """Raise SpecError (E-OPTION) for an option that only a single task has."""
    if names := [name.replace("_", "-") for name, value in given.items() if value]:
        raise SpecError(f"--{names[0]} is for one task at a time: open that task alone.", "E-OPTION")


def read_mix(file: str) -> Mix:
    """The tasks of a file.

    Raises:
        SpecError: E-FILE, E-FORMAT, or everything that is wrong with the tasks.
    """
    path, values = Path(file), read_yaml(file, AsNames)
    if not isinstance(values, dict) or not isinstance(values.get("tasks"), list):
        raise SpecError(f'{file}: needs the key "tasks" with a list of tasks, each with a name and a file.', "E-FORMAT")
    if unknown := sorted(set(map(str, values)) - {"tasks", "temperature"}):
        raise SpecError(f'{file}: no key "{unknown[0]}". All: tasks, temperature.', "E-OPTION")
    found = [_beside(path.parent, task) if isinstance(task, dict) else task for task in values["tasks"]]
    return _mix(file, path.stem, found, values.get("temperature"))


def mix_of(data: Mapping[str, Any], temperature: float | None) -> Mix:
    """The tasks of a dictionary: a name and its rows, or a name and a dictionary with `file` and whatever else a task may say.

    Raises:
        SpecError: everything that is wrong with the tasks.
    """
    found = [{"name": name, **(task if isinstance(task, dict) else {"file": task})} for name, task in data.items()]
    return _mix("study", "mixture", found, temperature)


def _mix(place: str, name: str, tasks: Iterable[Any], temperature: Any) -> Mix:
    problems, found, seen = Problems(place), list[Ingredient](), set[str]()
    for number, task in enumerate(tasks, 1):
        if not isinstance(task, dict):
            problems.add(f"task {number}: must have a name and a file. Got {task!r}.", "E-FORMAT")
            continue
        try:
            one = Ingredient.build(f"task {task.get('name', number)}", task)
        except LeantuneError as error:
            problems.add(error.message, error.code)
            continue
        if not _NAME.fullmatch(one.name):
            problems.add(f'"{one.name}" is no name for a task: it needs up to 40 letters, digits, dashes and underscores.', "E-NAME")
        elif one.name.casefold() in seen:
            problems.add(f'two tasks are called "{one.name}" (case does not count).', "E-NAME")
        seen.add(one.name.casefold())
        found.append(one)
    if not found and not problems:
        problems.add("names no task. Give each a name and a file.", "E-FORMAT")
    problems.raise_if_any(SpecError)
    values: dict[str, Any] = {"name": name, "tasks": tuple(found)}
    return Mix.build(place, values if temperature is None else values | {"temperature": temperature})


def _beside(folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    """The same task with its files where they are."""

    def there(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: there(one) for name, one in value.items()}
        beside = folder / value if isinstance(value, str) else None
        return str(beside) if beside is not None and beside.exists() else value

    return task | {key: there(task[key]) for key in ("file", "dev", "test") if task.get(key) is not None}
