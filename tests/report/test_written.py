"""The page where texts are written: sources, references and outputs side by side, what is learned, samples, perplexity."""

from __future__ import annotations

import re

import pytest
from made_up import example, with_texts

from leantune.comparison.table import other_scores, table
from leantune.core.records import Mistake
from leantune.core.shown import Piece, Sample
from leantune.report.html import render_html
from leantune.report.markdown import render_markdown
from leantune.report.payload import make_payload
from leantune.report.rows import make_table


def section(page: str, name: str) -> str:
    start = page.index(f'<section id="{name}">')
    return page[start : page.index("</section>", start)]


def test_sources_references_and_outputs_stand_side_by_side() -> None:
    found = section(render_html(with_texts("a < b")), "texts")
    card = found[found.index("<li>") : found.index("</li>")]
    assert re.findall(r"<h4>(.*?)</h4>", card) == ["Source", "2 references", "Output"]
    assert card.count("<blockquote") == 4
    assert "characters left out" in card
    assert '<mark class="gold">reference</mark>' in card
    assert '<mark class="predicted">output</mark>' in card
    assert "chrF 10.0 %, row 1" in card.replace("\u00a0", " ")
    assert found.count("<li>") == 4 + 12 + 1 + 1
    assert found.count("nothing</p>") == 1 + 3, "an empty output is named"


def test_rows_without_labels_have_no_list_of_labels() -> None:
    shown = with_texts("x")
    bare = shown.model_copy(update={"check": shown.check.model_copy(update={"labels": {split: {} for split in shown.check.labels}})})
    assert " in train</h3>" not in section(render_html(bare), "data-check")
    assert " in train</h3>" in section(render_html(shown), "data-check")


def test_every_text_finds_its_own_direction() -> None:
    found = section(render_html(with_texts("x")), "texts")
    assert found.count("<blockquote") == found.count('<blockquote dir="auto"')
    assert '<mark class="predicted">البنت</mark>' in found
    assert '<mark class="predicted">南</mark>' in found
    assert '<span class="cut" dir="ltr">' in found


def test_the_other_scores_are_told_in_per_cent() -> None:
    comparison = with_texts("x")
    found = section(render_html(comparison), "texts")
    for name, share in (("BLEU", "12.3"), ("chrF", "43.2"), ("ROUGE-L", "50.0")):
        assert f'<span>{name} <b class="num">{share} %</b></span>' in found
    assert other_scores(comparison) == "chrf 43.2 %, rougeL 50.0 %"
    assert "`bitfit` besides: chrf 43.2 %, rougeL 50.0 %." in render_markdown(comparison)
    assert " besides: " not in render_markdown(example())


def test_what_the_loss_is_on_is_marked() -> None:
    assert '<blockquote dir="auto">User: hi\nAssistant:<mark class="learned"> hi&lt;/s&gt;</mark></blockquote>' in render_html(
        with_texts("hi")
    )


def test_a_sample_is_shown_with_what_stands_in_the_file() -> None:
    page = render_html(with_texts("hi"))
    assert "how it goes on from the first words" in page
    assert '<mark class="predicted">go hi</mark></blockquote>' in page
    hidden = [Sample(row=1, pieces=[Piece(text="cat", kind="predicted"), Piece(text="dog", kind="gold"), Piece(text="a", kind="both")])]
    page = render_html(with_texts("hi", samples=hidden))
    assert "Marked is what was hidden" in page
    assert '<mark class="predicted">cat</mark><mark class="gold">dog</mark><mark class="both">a</mark>' in page


def test_where_nothing_goes_wrong_by_label_there_is_no_section_of_mistakes() -> None:
    page = render_html(with_texts("hi"))
    assert '<section id="inspection">' not in page
    assert 'href="#inspection"' not in page
    assert 'href="#texts"' in page
    assert 'id="texts"' not in render_html(example())


def test_language_models_tell_perplexity_beside_likelihood() -> None:
    rare = Mistake(row=9, text="rare words", gold="", predicted="perplexity 812.0", confidence=0.001)
    seen = {"typical": [], "worst": [], "learned": [], "scores": {"likelihood": 0.04, "accuracy": 0.3}, "errors": {"perplexity": 25.0}}
    comparison = with_texts("hi", metric="likelihood", mistakes=[rare], **seen)
    page = render_html(comparison)
    best = comparison.methods[0]
    assert best.mean is not None
    assert f"perplexity {1 / best.mean:.1f}</span>" in section(page, "verdicts")
    assert '<span>perplexity <b class="num">25.0</b></span>' in section(page, "texts")
    assert "perplexity 812.0" in section(page, "inspection")
    assert "labelled" not in section(page, "inspection")
    made = table(comparison)
    assert made.header[4] == "perplexity"
    assert made.lines[0][4] == f"{1 / best.mean:.1f}"
    assert f"perplexity {1 / best.mean:.1f} |" in render_markdown(comparison)
    assert "perplexity" not in table(example()).header


@pytest.mark.parametrize(("comparison", "judged"), [(with_texts("hi"), "likelihood"), (example(), "accuracy")])
def test_curves_name_what_networks_are_judged_by(comparison: object, judged: str) -> None:
    assert make_payload(comparison, make_table(comparison), margin=0.01, metric="bleu")["judged"] == judged  # type: ignore[arg-type]
