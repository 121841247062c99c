"""The page: complete, self-contained, and safe with any text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from made_up import HOSTILE, example, hostile, with_labels, with_methods, without_measurements

from leantune.core.records import Choice, Comparison
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
    "hostile": hostile,
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


def test_hostile_text_stays_text() -> None:
    page = render_html(hostile())
    outline = _Outline(page)
    assert len(outline.scripts) == 2
    assert HOSTILE.split("\u2028")[0] in outline.text
    assert "49" not in re.findall(r"\{\{ (\S+) \}\}", page)
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
