"""A prompt in a file: templates and the words of the labels, as `--prompt FILE.yaml` takes them.

    prompt: "{text} It was {mask}."                  one template, or a list of them
    labels: {negative: [terrible, bad], positive: great}

Labels and words are texts, whatever they look like: 1, yes and null are names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leantune.app.yaml_file import AsTexts, read_yaml
from leantune.core.errors import Problems, SpecError
from leantune.core.spec import Spec

ENDINGS = (".yaml", ".yml")
_EXAMPLE = 'Write for example prompt: "{text} It was {mask}." and labels: {negative: [terrible, bad], positive: great}.'


class PromptFile(Spec):
    """What such a file says."""

    prompt: tuple[str, ...] = ()
    labels: dict[str, tuple[str, ...]] = {}


def is_prompt_file(prompt: str) -> bool:
    """Whether a prompt is the name of a file: no template ends like one."""
    return prompt.strip().lower().endswith(ENDINGS)


def read_prompt(templates: Sequence[str], *, labels: bool) -> PromptFile | None:
    """The file that stands in the place of templates; None where these are templates.

    Args:
        templates: as the user gave them.
        labels: whether label words are given beside them.

    Raises:
        SpecError: E-FILE, E-FORMAT, E-OPTION, E-LABEL: what is wrong with the file, or beside it.
    """
    files = [one for one in templates if is_prompt_file(one)]
    if not files:
        return None
    if len(templates) > 1:
        raise SpecError(f"{files[0]}: stands for all templates. Write the others into it, as a list behind prompt:.", "E-OPTION")
    found = _read(files[0].strip())
    if found.labels and labels:
        raise SpecError(f"{files[0]}: gives label words, and so does --labels. Leave one of them out.", "E-OPTION")
    return found


def _read(file: str) -> PromptFile:
    values = read_yaml(file, AsTexts, advice="A template stands in quotes.")
    if not isinstance(values, dict) or not values:
        raise SpecError(f"{file}: needs the key prompt, labels or both. {_EXAMPLE}", "E-FORMAT")
    problems = Problems(file)
    found: dict[str, Any] = dict(values)
    if "prompt" in found:
        found["prompt"] = _texts(values["prompt"], "prompt: needs a template in quotes, or a list of them.", problems)
    if "labels" in found:
        found["labels"] = _words(values["labels"], problems)
    problems.raise_if_any(SpecError)
    return PromptFile.build(file, found)


def _words(given: Any, problems: Problems) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, dict) or not given:
        problems.add(f"labels: needs a word, or a list of words, behind each label. {_EXAMPLE}", "E-LABEL")
        return {}
    return {
        str(label): _texts(words, f'labels: "{label}" needs a word, or a list of words, none of them empty.', problems)
        for label, words in given.items()
    }


def _texts(given: Any, wanted: str, problems: Problems) -> tuple[str, ...]:
    found = given if isinstance(given, list) else [given]
    if not found or not all(isinstance(one, str) and one.strip() for one in found):
        problems.add(wanted, "E-FORMAT")
        return ()
    return tuple(one.strip() for one in found)
