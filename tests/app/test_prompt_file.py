"""A prompt in a YAML file: the same study as from options, texts stay texts, one clear error for every fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from leantune.app.options import Options
from leantune.core.errors import SpecError


def _file(folder: Path, text: str) -> str:
    path = folder / "prompt.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_says_what_the_options_say(tmp_path: Path) -> None:
    file = _file(tmp_path, 'prompt: "{text} It was {mask}."\nlabels: {negative: [terrible, bad], positive: great}\n')
    given = Options.of(prompt="{text} It was {mask}.", labels="negative=terrible|bad, positive=great")
    assert Options.of(prompt=file) == Options.of(prompt=[file]) == given


def test_several_templates_and_labels_beside_a_file_without_any(tmp_path: Path) -> None:
    file = _file(tmp_path, 'prompt:\n  - "{text} It was {mask}."\n  - "{text} {mask}!"\n')
    options = Options.of(prompt=file, labels={"good": "great"})
    assert options.prompt == ("{text} It was {mask}.", "{text} {mask}!")
    assert options.labels == {"good": ("great",)}


def test_labels_and_words_are_texts(tmp_path: Path) -> None:
    file = _file(tmp_path, "labels:\n  yes: true\n  no: [off, 0]\n  1.0: 2020-01-01\n  007: null\n")
    assert Options.of(prompt=file).labels == {"yes": ("true",), "no": ("off", "0"), "1.0": ("2020-01-01",), "007": ("null",)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('promt: "{text} {mask}"', 'no option "promt". Closest: "prompt"'),
        ("prompt: {text} It was {mask}.", "prompt.yaml line 1: is neither YAML nor JSON"),
        ('prompt: "{text} {mask}"\nlabels: [good, bad]', "labels: needs a word"),
        ('prompt: "{text} {mask}"\nlabels: {good: [], bad: {x: y}}', "2 problems"),
        ("labels: {good:}", '"good" needs a word'),
        ("prompt: {text}", "prompt: needs a template in quotes"),
        ("labels:\n  good: a\n  bad: b\n  good: c", 'line 4: "good" is given twice'),
        ("labels: {[a, b]: c}", "unhashable"),
        ("- a", "needs the key prompt"),
        ("", "needs the key prompt"),
    ],
)
def test_faults(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SpecError) as error:
        Options.of(prompt=_file(tmp_path, text))
    assert says in error.value.message


def test_nothing_beside_a_file_is_overridden_silently(tmp_path: Path) -> None:
    file = _file(tmp_path, 'prompt: "{text} {mask}"\nlabels: {good: great}\n')
    with pytest.raises(SpecError, match="gives label words, and so does --labels"):
        Options.of(prompt=file, labels="good=nice")
    with pytest.raises(SpecError, match="stands for all templates"):
        Options.of(prompt=[file, "{text} {mask}"])
    with pytest.raises(SpecError, match="cannot be read"):
        Options.of(prompt=str(tmp_path / "lost.yaml"))
