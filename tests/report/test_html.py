"""The page: complete, self-contained, and safe with any text."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import get_args

import pytest
from made_up import (
    HOSTILE,
    example,
    hostile,
    with_choice,
    with_labels,
    with_methods,
    with_pieces,
    with_rankings,
    with_texts,
    without_full,
    without_measurements,
)

from leantune.core.records import Choice, Comparison, Inspection, Mistake, Verdict
from leantune.report.html import render_html
from leantune.report.payload import embed

_VOID = {"meta", "link", "input", "br", "img", "hr"}


class _Outline(HTMLParser):
    """Reads a page as a browser does: its text, its scripts, whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts, self.ids = "", list[str](), list[str]()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"]:
            self.text += data


def _same_spacing(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").replace("−", "-").split())


def test_the_choice_its_reason_and_every_verdict_are_on_the_page() -> None:
    comparison = example()
    text = _same_spacing(_Outline(render_html(comparison)).text)
    assert comparison.choice.reason in text
    for row in comparison.methods:
        assert row.name in text
        assert row.verdict in text
        assert row.detail in text
    for line in [comparison.command, *comparison.ledger.lines, *comparison.study["inferences"], *comparison.unsupported.values()]:
        assert line in text


SHAPES = {
    "example": example,
    "two methods": lambda: with_methods(2),
    "25 methods": lambda: with_methods(25),
    "2 labels": lambda: with_labels(2),
    "12 labels": lambda: with_labels(12),
    "77 labels": lambda: with_labels(77),
    "nothing measured": without_measurements,
    "nothing at all": lambda: without_measurements().model_copy(
        update={"methods": [], "choice": Choice(method=None, verdict=None, reason="Nothing ran.")}
    ),
    "without full": without_full,
    "hostile": hostile,
    "coloured mistakes": lambda: with_pieces(HOSTILE),
    "ranked questions": lambda: with_rankings(HOSTILE),
    "written texts": lambda: with_texts(HOSTILE),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_a_well_formed_small_page_that_asks_the_network_for_nothing(shape: str) -> None:
    page = render_html(SHAPES[shape]())
    outline = _Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert len(page.encode()) < 600_000
    loading = {"src", "srcset", "data", "action", "poster"}
    for tag, attributes in outline.tags:
        assert not loading & attributes.keys(), (tag, attributes)
        assert tag not in {"iframe", "object", "embed", "base", "img"}
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in page
    assert "@import" not in page


def test_things_and_answers_are_coloured_in_their_text() -> None:
    page = render_html(with_pieces("a < b"))
    for kind in ("first", "second", "gold", "predicted", "both"):
        assert page.count(f'<mark class="{kind}">{kind} a &lt; b') == 2
    assert page.count("plain a &lt; b<mark") == 2
    assert page.count("<blockquote>asked</blockquote>") == 1  # before the second text; a single one is shown in pieces


def test_questions_show_their_candidates_by_rank() -> None:
    outline = _Outline(render_html(with_rankings("it is")))
    places = [attributes for tag, attributes in outline.tags if tag == "li" and "value" in attributes]
    assert places[:3] == [{"value": "1"}, {"value": "2"}, {"value": "7", "class": "relevant"}]
    assert "2 more questions" in outline.text
    assert "9 candidates, average precision 14.3 %" in outline.text


@pytest.mark.parametrize("shape", [with_pieces, with_rankings])
def test_hostile_text_in_the_details_stays_text(shape: Callable[[str], Comparison]) -> None:
    outline = _Outline(render_html(shape(HOSTILE)))
    assert HOSTILE.split("\u2028")[0] in outline.text
    assert not [tag for tag, _ in outline.tags if tag == "img"]


def test_hostile_text_stays_text() -> None:
    page = render_html(hostile())
    outline = _Outline(page)
    assert len(outline.scripts) == 2
    assert HOSTILE.split("\u2028")[0] in outline.text
    assert "{{ 7*7 }}" in outline.text
    payload = outline.scripts[0]
    assert not set(payload) & set("<>&\u2028\u2029")
    assert json.loads(payload)["confusion"]["labels"][0] == HOSTILE


@pytest.mark.parametrize("text", ["</script>", "<!--", "]]>", "\u2028\u2029", "&amp;", "a\\u003c", "\x00\ud83d\ude00"])
def test_embedded_json_reads_back_and_holds_no_markup(text: str) -> None:
    written = embed({text: [text, None, 1.5]})
    assert json.loads(written) == {text: [text, None, 1.5]}
    assert not set(written) & set("<>&\u2028\u2029")


def test_the_policy_allows_the_pages_own_script_and_nothing_else() -> None:
    import base64
    import hashlib

    outline = _Outline(render_html(example()))
    policy = next(
        attributes["content"] or "" for tag, attributes in outline.tags if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert base64.b64encode(hashlib.sha256(outline.scripts[1].encode()).digest()).decode() in policy


def _page(comparison: Comparison) -> str:
    return _same_spacing(_Outline(render_html(comparison)).text)


def test_an_interrupted_comparison_says_so_first() -> None:
    base = example()
    stopped = base.model_copy(update={"ledger": base.ledger.model_copy(update={"finished": False})})
    assert "This comparison is not finished" in _page(stopped)
    assert "This comparison is not finished" not in _page(base)


def test_floors_and_failures_stand_apart() -> None:
    text = _page(example())
    floors, failed = text.index("Floors: what you get"), text.index("Did not work here")
    assert text.index("head") < floors < text.index("tfidf", floors) < failed < text.index("Diverged", failed)


def test_without_a_choice_nothing_is_shipped() -> None:
    text = _page(
        without_measurements().model_copy(update={"choice": Choice(method=None, verdict=None, reason="Nothing was trained to the end.")})
    )
    assert "Nothing to ship yet" in text
    assert "Nothing was trained to the end." in text


@pytest.mark.parametrize(
    ("changes", "heading"),
    [
        ({}, "Ship bitfit"),
        ({"verdict": "undecided"}, "For now: bitfit"),
        ({"method": "tfidf", "verdict": "floor", "floor": "enough"}, "No tuning needed: tfidf"),
        ({"method": "tfidf", "verdict": "floor", "floor": "best"}, "For now: tfidf"),
        ({"method": "majority", "verdict": "floor", "floor": "majority"}, "Nothing beats the commonest answer"),
    ],
)
def test_the_heading_says_how_far_the_choice_goes(changes: dict[str, str], heading: str) -> None:
    page = render_html(with_choice(**changes))
    assert _same_spacing(_Outline(page[page.index("<h1>") : page.index("</h1>") + 5]).text) == heading


def test_only_an_artifact_is_ready_to_use_and_shows_its_proof() -> None:
    ready, proof = "Ready to use in this folder: leantune predict best new.csv", "reloaded through peft: same predictions on 32 rows"
    assert ready in _page(example())
    assert f"Checked after saving: {proof}." in _page(with_choice(proof=proof))
    bare = _page(with_choice(artifact=None, shipped=None, proof=None))
    for words in ("in this folder", "leantune predict", "Checked after saving"):
        assert words not in bare
    floor = _page(with_choice(method="tfidf", verdict="floor", floor="enough"))
    assert "Ready to use" not in floor
    assert "For those who want a tuned model, bitfit is in this folder: leantune predict best new.csv" in floor


@pytest.mark.parametrize("word", get_args(Verdict))
def test_the_legend_explains_every_verdict_that_occurs(word: Verdict) -> None:
    base = example()
    rows = [base.methods[0].model_copy(update={"verdict": word}), *(row for row in base.methods if row.verdict == "reference")]
    page = _page(base.model_copy(update={"methods": rows}))
    legend = page[page.rindex("better: whole interval above 0") :]
    assert f"{word}: " in legend
    assert ("failed: " in legend) == (word == "failed")


def test_without_full_the_page_names_the_method_that_stands_in() -> None:
    base = without_full()
    comparison = base.model_copy(update={"methods": [row.model_copy(update={"chosen": row.name == "bitfit"}) for row in base.methods]})
    page, text = render_html(comparison), _page(comparison)
    for words in ("Is it as good as {}?", "the margin below {}.", "difference to {}, points", "Points against {}", "against {} on"):
        assert words.format("lora(rank=8)") in text
    assert 'aria-label="bitfit: ' in page
    assert "points against lora(rank=8)" in page
    assert "full fine-tuning" not in page
    assert "Is it as good as full fine-tuning?" in _page(example())


def test_the_picture_is_named_only_where_it_lies_beside_the_page() -> None:
    assert "chart.png" in render_html(example(), chart=True)
    assert "chart.png" not in render_html(example(), chart=False)


def test_the_options_of_a_row_are_shown_with_what_was_right_and_what_was_said() -> None:
    found = [("four legs", 0.7), ("six legs", 0.05), ("eight legs", 0.25)]
    mistake = Mistake(row=3, text="How many legs?", gold="eight legs", predicted="four legs", confidence=0.7, options=found)
    base = example()
    seen = Inspection(method="bitfit", labels=["right option, by its text"], mistakes=[mistake])
    page = render_html(base.model_copy(update={"inspection": seen}))
    for name, option, score in (("wrong", *found[0]), ("", *found[1]), ("truth", *found[2])):
        term = f'<dt class="{name}">{option}</dt>' if name else f"<dt>{option}</dt>"
        assert f'{term}<dd class="track"><i style="width:{100 * score:.1f}%"></i></dd>' in page
