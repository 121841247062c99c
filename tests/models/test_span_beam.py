"""Spans for many texts at once, against plain `transformers`: scores by teacher forcing, and the best of all there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from leantune.core.errors import SpecError
from leantune.models.base import open_base
from leantune.models.span_beam import Filling, SpanFiller, require_spans

TEXTS = (
    "the movie was very good <extra_id_0> great <extra_id_1>",
    "a bad day <extra_id_0> bad <extra_id_1>",
    "hello <extra_id_0> great <extra_id_1>",
)


def score(folder: str, texts: Sequence[str], spans: Sequence[Sequence[int]]) -> float:
    """Sum of the log-likelihoods of the spans behind each text alone."""
    tokenizer, model = open_base(folder).tokenizer, AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    signs = tokenizer.convert_tokens_to_ids(["<extra_id_0>", "<extra_id_1>", "<extra_id_2>"])
    written = [signs[0], *(token for sign, span in zip(signs[1:], spans, strict=False) for token in (*span, sign))]
    total = 0.0
    for text in texts:
        with torch.inference_mode():
            logits = model(**tokenizer(text, return_tensors="pt"), labels=torch.tensor([written])).logits[0]
        total += float(logits.double().log_softmax(-1)[range(len(written)), written].sum())
    return total


def filler(folder: str, texts: Sequence[str] = TEXTS) -> Callable[..., list[Filling]]:
    base = open_base(folder)
    coded = base.tokenizer(list(texts))["input_ids"]
    return lambda spans, **ways: SpanFiller(base, torch.device("cpu")).fill(coded, spans, **ways)


def test_a_score_is_the_sum_of_the_log_likelihoods_of_all_texts(tiny_lm: Callable[[str], Path]) -> None:
    folder = str(tiny_lm("t5-spans"))
    found = filler(folder)(2, beams=4, length=8)
    assert len(found) == 4
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        assert len(one.spans) == 2
        assert one.score == pytest.approx(score(folder, TEXTS, one.spans), abs=1e-3)


@pytest.mark.slow
def test_with_room_for_all_the_best_of_all_is_found(tiny_lm: Callable[[str], Path]) -> None:
    """Two spans with one token together: 2 V + 1 possibilities, each of which is scored by plain `transformers`."""
    folder = str(tiny_lm("t5-spans"))
    tokenizer = open_base(folder).tokenizer
    words = sorted(number for name, number in tokenizer.get_vocab().items() if name == "<" or not name.startswith("<"))
    every = [((), ()), *(((word,), ()) for word in words), *(((), (word,)) for word in words)]
    found = filler(folder)(2, beams=len(every) + 2, length=4)
    assert {one.spans for one in found} == set(every)
    expected = max(every, key=lambda spans: score(folder, TEXTS, spans))
    assert found[0].spans == expected


def test_a_single_span_and_texts_of_one_length_or_many(tiny_lm: Callable[[str], Path]) -> None:
    folder = str(tiny_lm("t5-spans"))
    texts = ["very " * 20 + "good <extra_id_0> great", "bad <extra_id_0> bad"]
    for one in filler(folder, texts)(1, beams=3, length=6):
        assert len(one.spans) == 1
        assert one.score == pytest.approx(score(folder, texts, one.spans), abs=1e-3)


@pytest.mark.parametrize(("family", "reason"), [("t5", "no signs for spans"), ("bert", "no encoder-decoder"), ("bart", "no signs")])
def test_what_fills_no_spans_is_refused(tiny_lm: Callable[[str], Path], family: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        require_spans(open_base(str(tiny_lm(family))))
