"""A look at a prompt before any training says what the training will read and what the base answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

import leantune as lt
from leantune.app.study import Study
from leantune.core.errors import SpecError

PROMPT = {"prompt": "{text} it was {mask}.", "labels": "good=great|nice, bad=awful|poor"}
Opened = Callable[..., Study]


@pytest.fixture
def opened(tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path) -> Opened:
    def make(family: str, **options: Any) -> Study:
        return lt.study(tickets, model=str(tiny_lm(family)), out=tmp_path / "run", quiet=True, **(PROMPT | options))

    return make


def test_the_answers_are_those_of_plain_transformers(opened: Opened) -> None:
    study = opened("bert")
    found = lt.preview(study, "cloze | lora", rows=3)
    tokenizer = AutoTokenizer.from_pretrained(study.conditions.model)
    model = AutoModelForMaskedLM.from_pretrained(study.conditions.model).eval()
    words = {"good": ["great", "nice"], "bad": ["awful", "poor"]}
    assert found.prompt == "cloze"
    assert len(found.rows) == 3
    for row in found.rows:
        coded = tokenizer(f"{row.texts[0]} it was [MASK].", return_tensors="pt")
        at = int((coded["input_ids"][0] == tokenizer.mask_token_id).nonzero()[0, 0])
        with torch.inference_mode():
            likely = model(**coded).logits[0, at].log_softmax(-1)
        means = torch.stack([likely[tokenizer.convert_tokens_to_ids(own)].mean() for own in words.values()]).softmax(-1)
        assert row.answers == pytest.approx(dict(zip(words, means.tolist(), strict=True)), abs=1e-5)
        assert list(row.answers.values()) == sorted(row.answers.values(), reverse=True)


def test_every_token_is_told_for_what_it_is(opened: Opened) -> None:
    row = lt.preview(opened("bert", prompt="{soft:2} {text} {soft:it was} {mask}."), "cloze", rows=1).rows[0]
    (seen,) = row.read
    kinds = [token.kind for token in seen.tokens]
    assert [token.text for token in seen.tokens if token.kind == "soft"] == ["~", "~", "it", "was"]
    assert kinds.count("mask") == 1
    assert kinds[0] == kinds[-1] == "special"
    assert " ".join(token.text for token in seen.tokens if token.kind == "text").replace(" ", "") == row.texts[0].replace(" ", "")
    assert (seen.read, seen.left_out) == (len(kinds), 0)


def test_what_is_cut_is_counted_and_shown(opened: Opened) -> None:
    study = opened("bert", max_length=8)
    found = lt.preview(study, "cloze")
    ids = study.context.dataset.splits["train"].texts
    tokenizer = study.base.tokenizer
    assert found.cut == sum(len(tokenizer(f"{text} it was [MASK].")["input_ids"]) > 8 for text in ids)
    assert 0 < found.cut <= found.counted == len(ids)
    for row in found.rows:
        assert row.read[0].read <= 8
        assert any(token.kind == "cut" for token in row.read[0].tokens) == (row.read[0].left_out > 0)
        assert [token.text for token in row.read[0].tokens if token.kind == "template"] == ["it", "was", "."]


def test_a_decoder_goes_on_behind_the_text_and_demonstrations_stand_before_it(opened: Opened) -> None:
    study = opened("gpt2", labels="good=good, bad=bad", max_length=64)
    tokens = lt.preview(study, "cloze(demonstrations=1) | frozen", rows=1).rows[0].read[0].tokens
    kinds = [token.kind for token in tokens]
    assert (tokens[-1].kind, tokens[-1].text) == ("mask", "")
    assert kinds[0] == "demonstration"
    assert "demonstration" not in kinds[kinds.index("text") :]


def test_anchors_say_texts_and_similarities(base: str, tickets: Path, tmp_path: Path) -> None:
    found = lt.preview(lt.study(tickets, model=base, out=tmp_path / "run", labels=PROMPT["labels"], quiet=True), "anchors(words=given)")
    assert found.measure == "similarity"
    assert found.words["good"]["great"][1] == "This text is great."
    assert {label for row in found.rows for label in row.answers} == {"good", "bad"}
    assert all(-1.0001 <= value <= 1.0001 for row in found.rows for value in row.answers.values())


def test_rows_are_of_each_label_in_turn(opened: Opened) -> None:
    rows = lt.preview(opened("bert"), "cloze", rows=4).rows
    assert sorted(row.label for row in rows) == ["bad", "bad", "good", "good"]
    assert [row.row for row in rows] == sorted(row.row for row in rows)


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("lora", "has no prompt"),
        ("cloz | lora", 'Closest: "cloze"'),
        ("cloze | lorra", 'Closest: "lora"'),
        ("anchors", "no sentence encoder"),
        ("cloze(template=3)", "no template 3"),
    ],
)
def test_mistakes(opened: Opened, method: str, says: str) -> None:
    with pytest.raises(SpecError) as error:
        lt.preview(opened("bert"), method)
    assert says in error.value.message
