"""A column per test set in every document, and none where there is one test set."""

from __future__ import annotations

import re

from leantune.report.html import render_html
from leantune.report.markdown import render_markdown
from leantune.testing.comparisons import example_comparison
from leantune.testing.languages import example_languages


def test_the_page_has_a_table_of_all_test_sets() -> None:
    page, plain = render_html(example_languages()), render_html(example_comparison())
    assert 'href="#tests"' in page
    section = page.split('<section id="tests">')[1].split("</section>")[0]
    assert re.findall(r'<th scope="col" class="right">(\w+)<span class="sub">([\d,]+) rows', section) == [
        ("en", "2,400"),
        ("de", "800"),
        ("zh", "400"),
    ]
    tested = [row for row in example_languages().methods if row.mean is not None]
    assert section.count('<th scope="row">') == len(tested)
    assert section.count('<td class="right num">') == 3 * len(tested)
    assert "Test accuracy, en" in page
    assert 'id="tests"' not in plain
    assert "Test accuracy<" in plain


def test_the_markdown_has_a_table_of_all_test_sets() -> None:
    text = render_markdown(example_languages())
    assert "| Method | en | de | zh |" in text
    line = next(line for line in text.splitlines() if line.startswith("| `head` | ") and line.count("|") == 5)
    assert re.search(r"\| \d\d\.\d ± \d\.\d % \| \d\d\.\d ± \d\.\d %, -\d\.\d \[.*\] \|", line)
    assert "verdicts go by en" in text
    assert "On every test set" not in render_markdown(example_comparison())
