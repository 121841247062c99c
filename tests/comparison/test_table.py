from __future__ import annotations

from leantune.comparison.table import markdown, table, text
from leantune.testing.comparisons import example_comparison


def test_the_table_has_a_line_per_method_and_marks_the_choice() -> None:
    comparison = example_comparison()
    made = table(comparison)
    assert [line[0].removesuffix(" *") for line in made.lines] == [row.name for row in comparison.methods]
    assert [line[0] for line in made.lines if line[0].endswith(" *")] == [f"{comparison.choice.method} *"]
    full = next(line for line in made.lines if line[0] == "full")
    assert full[3:6] == ["reference", "22.7 M", "90.9 MB"]


def test_the_difference_is_against_whatever_is_the_reference() -> None:
    comparison = example_comparison()
    rows = [row for row in comparison.methods if row.name != "full"]
    assert table(comparison).header[2] == "vs full"
    assert table(comparison.model_copy(update={"methods": rows})).header[2] == "vs reference"
    rows[0] = rows[0].model_copy(update={"verdict": "reference"})
    assert table(comparison.model_copy(update={"methods": rows})).header[2] == f"vs {rows[0].name}"


def test_text_is_aligned_and_markdown_is_a_table() -> None:
    comparison = example_comparison()
    lines = text(comparison).splitlines()
    assert len(lines) == 1 + len(comparison.methods)
    assert len({line.index(row.verdict) for line, row in zip(lines[1:], comparison.methods, strict=True)}) == 1
    cells = {line.replace("\\|", "").count("|") for line in markdown(comparison).splitlines()}
    assert cells == {11}


def test_a_pipe_in_a_method_does_not_break_markdown() -> None:
    comparison = example_comparison()
    first = comparison.methods[0].model_copy(update={"name": "lora | quantize(int8)"})
    line = markdown(comparison.model_copy(update={"methods": [first]})).splitlines()[-1]
    assert line.startswith("| lora \\| quantize(int8) |")
