"""Cloze prompts against plain `transformers`: pieces, label words and logits, on every kind of body."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.wording import Wording
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate.predict import make_batch
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Setting, Worded
from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.prompts._templates import CHINESE_PAIRS, CHINESE_SINGLE, PAIRS, SINGLE

ROWS = ["the movie was very good", "we hate this awful book", ""]
LABELS = ["no", "yes"]
WORDS = {"no": ("bad", "awful"), "yes": ("great",)}


@pytest.fixture
def trained(tiny_lm: Callable[[str], Path]) -> Callable[[str], str]:
    return lambda family: str(tiny_lm(family))


def worded(
    base: str, template: str, words: dict[str, tuple[str, ...]] = WORDS, *, link: str = "cloze", length: int | None = None
) -> Worded:
    prompt = parse_method(f"{link} | full").prompt
    assert prompt is not None
    wording = Wording(templates=(template,), words=words)
    return Worded(
        prompt, Setting(wording, open_base(base, max_length=length), catalogue.load("tasks", "classification"), list(words), {"text": 0})
    )


def logits_of(one: Worded, rows: list[str]) -> torch.Tensor:
    base = one.setting.base
    encoded = encode_rows(base.tokenizer, ExampleChunk(rows), base.max_length, one.pieces)
    padded = encoded.padded(np.arange(len(rows)), int(base.tokenizer.pad_token_id or 0))
    with torch.inference_mode():
        return build_network(base, one.head, seed=1).eval()(make_batch(padded, types="token_type_ids" in base.tokenizer.model_input_names))


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "albert", "deberta-v2", "modernbert", "electra"])
def test_a_masked_model_is_asked_at_the_mask(trained: Callable[[str], str], family: str) -> None:
    folder = trained(family)
    one = worded(folder, "{text} it was {mask} .")
    tokenizer, model = one.setting.base.tokenizer, AutoModelForMaskedLM.from_pretrained(folder).eval()
    for row, found in zip(ROWS, logits_of(one, ROWS), strict=True):
        coded = tokenizer(f"{row} it was {tokenizer.mask_token} .", return_tensors="pt")
        with torch.inference_mode():
            likely = model(**coded).logits[coded["input_ids"] == tokenizer.mask_token_id][0].log_softmax(-1)
        expected = [np.mean([float(likely[tokenizer.convert_tokens_to_ids(word)]) for word in WORDS[label]]) for label in LABELS]
        assert found.tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_decoder_is_asked_for_the_next_token(trained: Callable[[str], str], family: str) -> None:
    folder = trained(family)
    one = worded(folder, "{text} it was {mask}.", {"no": ("bad", "hate"), "yes": ("great",)})
    tokenizer, model = one.setting.base.tokenizer, AutoModelForCausalLM.from_pretrained(folder).eval()
    for row, found in zip(ROWS, logits_of(one, ROWS), strict=True):
        with torch.inference_mode():
            likely = model(**tokenizer(f"{row} it was", return_tensors="pt")).logits[0, -1].log_softmax(-1)
        bad, hate, great = (float(likely[tokenizer(f" {word}")["input_ids"][0]]) for word in ("bad", "hate", "great"))
        expected = [(bad + hate) / 2, great]
        assert found.tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_an_encoder_decoder_answers_apart(trained: Callable[[str], str], family: str) -> None:
    folder = trained(family)
    one = worded(folder, "{text} it was {mask}")
    tokenizer, model = one.setting.base.tokenizer, AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    for row, found in zip(ROWS, logits_of(one, ROWS), strict=True):
        start = torch.tensor([[model.config.decoder_start_token_id]])
        with torch.inference_mode():
            likely = model(**tokenizer(f"{row} it was ", return_tensors="pt"), decoder_input_ids=start).logits[0, 0].log_softmax(-1)
        expected = [np.mean([float(likely[tokenizer.convert_tokens_to_ids(word)]) for word in WORDS[label]]) for label in LABELS]
        assert found.tolist() == pytest.approx(expected, abs=1e-4)


def test_words_of_several_tokens_get_as_many_masks(trained: Callable[[str], str]) -> None:
    folder = trained("bert")
    words = {"no": ("very bad",), "yes": ("great",)}
    one = worded(folder, "{text} it was {mask} .", words)
    tokenizer, model = one.setting.base.tokenizer, AutoModelForMaskedLM.from_pretrained(folder).eval()
    coded = tokenizer("a book it was [MASK][MASK] .", return_tensors="pt")
    with torch.inference_mode():
        likely = model(**coded).logits[coded["input_ids"] == tokenizer.mask_token_id].log_softmax(-1)
    very, bad, great = tokenizer.convert_tokens_to_ids(["very", "bad", "great"])
    expected = [float(likely[0, very] + likely[1, bad]) / 2, float(likely[0, great])]
    assert logits_of(one, ["a book"])[0].tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("words", "columns", "every", "at_end"),
    [
        ({"no": ("bad",), "yes": ("很好",)}, {"text": 0}, SINGLE, SINGLE),
        ({"no": ("差",), "yes": ("好",)}, {"text": 0}, CHINESE_SINGLE, CHINESE_SINGLE),
        ({"no": ("bad",), "yes": ("good",)}, {"text": 0, "text_pair": 1}, PAIRS, PAIRS[2:]),
        ({"no": ("不同",), "yes": ("相同",)}, {"text": 0, "text_pair": 1}, CHINESE_PAIRS, CHINESE_PAIRS[2:]),
    ],
)
def test_usual_templates_speak_the_language_of_the_words(
    trained: Callable[[str], str],
    words: dict[str, tuple[str, ...]],
    columns: dict[str, int],
    every: tuple[str, ...],
    at_end: tuple[str, ...],
) -> None:
    for family, expected in (("bert", every), ("gpt2", at_end)):
        one = worded(trained(family), "{text} {mask}", words)
        found = one.prompt.apart(replace(one.setting, wording=Wording(words=words), columns=columns))
        assert [own.templates for own in found] == [(template,) for template in expected]


def test_several_masks_take_words_with_as_many_parts(trained: Callable[[str], str]) -> None:
    folder = trained("bert")
    one = worded(folder, "{mask} {text} {mask}", {"no": ("not bad",), "yes": ("so great",)})
    assert one.head.words[1][0] == tuple((one.setting.base.tokenizer.convert_tokens_to_ids(word),) for word in ("so", "great"))
    with pytest.raises(SpecError, match='the word "bad" of label "no" has 1 part for 2 masks'):
        worded(folder, "{mask} {text} {mask}", {"no": ("bad",), "yes": ("so great",)}).head  # noqa: B018


def test_a_soft_verbalizer_begins_at_its_words(trained: Callable[[str], str]) -> None:
    """At the start it differs from the words by what is the same for all labels: the logarithm of the sum."""
    folder = trained("bert")
    words = {"no": ("bad",), "yes": ("great",)}
    manual, soft = (
        logits_of(worded(folder, "{text} it was {mask} .", words, link=link), ROWS) for link in ("cloze", "cloze(verbalizer=soft)")
    )
    assert (soft - manual).diff(dim=-1).abs().max() < 1e-4


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_what_writes_from_left_to_right_is_asked_for_the_first_token(trained: Callable[[str], str], family: str) -> None:
    long, short = ("bad day", "great"), ("bad", "great")
    several, one = (
        worded(trained(family), "{text} it was {mask}", dict(zip(("no", "yes"), zip(words), strict=True))) for words in (long, short)
    )
    assert torch.equal(logits_of(several, ROWS), logits_of(one, ROWS))
    assert several.prompt.cautions(several.setting) == ['of words of several tokens the first one is asked for: "bad day"']
    assert one.prompt.cautions(one.setting) == []


@pytest.mark.parametrize("family", ["bert", "roberta", "t5"])
def test_only_the_texts_are_shortened(trained: Callable[[str], str], family: str) -> None:
    one = worded(trained(family), "so {text} it was {mask}", length=12)
    base = one.setting.base
    encoded = encode_rows(base.tokenizer, ExampleChunk(["very " * 40 + "bad", "good"]), 12, one.pieces)
    whole = base.tokenizer.decode(encoded.ids[: encoded.first[0]])
    assert encoded.first[0] == 12
    assert whole.count("very") == whole.split("it was")[0].count("very") > 0
    assert whole.replace(" ", "").replace("<s>", "").replace("[CLS]", "").startswith("sovery")
    assert "it was" in whole


def test_a_template_that_fills_the_model_is_refused(trained: Callable[[str], str]) -> None:
    for length in (8, 11):  # 11 tokens fill it and leave none to a text
        one = worded(trained("bert"), "so so so so so so {text} it was {mask}", length=length)
        with pytest.raises(SpecError, match=f"takes 11 of the {length} tokens that are read, so no text fits beside it"):
            one.pieces  # noqa: B018
    assert worded(trained("bert"), "so so so so so so {text} it was {mask}", length=12).pieces


def test_words_that_are_the_same_to_the_tokenizer_are_refused(trained: Callable[[str], str]) -> None:
    with pytest.raises(SpecError, match=r'"Great" of label "good" and "great" of "bad" are the same to the tokenizer'):
        worded(trained("bert"), "{text} it was {mask}", words={"bad": ("great",), "good": ("Great",)}).pieces  # noqa: B018


def test_a_mask_in_a_text_is_no_place_of_the_template(trained: Callable[[str], str]) -> None:
    one = worded(trained("bert"), "{text} it was {mask} .")
    encoded = encode_rows(one.setting.base.tokenizer, ExampleChunk(["a [MASK] book"]), 32, one.pieces)
    assert encoded.marks is not None
    assert np.count_nonzero(encoded.marks >= 0) == 1
    assert encoded.ids[np.flatnonzero(encoded.marks >= 0)[0] - 1] == one.setting.base.tokenizer.convert_tokens_to_ids("was")


def test_what_cannot_be_asked_is_told(trained: Callable[[str], str]) -> None:
    gpt2, bert = trained("gpt2"), trained("bert")
    with pytest.raises(SpecError, match=r"one \{mask\} must stand at the end"):
        worded(gpt2, "it was {mask} {text}").pieces  # noqa: B018
    with pytest.raises(SpecError, match=r'"very nice" of label "yes" and "very bad" of "no" begin with the same token'):
        worded(gpt2, "{text} it was {mask}", {"no": ("very bad",), "yes": ("very nice",)}).pieces  # noqa: B018
    with pytest.raises(SpecError, match='the tokenizer does not know the word "很好" of label "yes"'):
        worded(bert, "{text} it was {mask}", {"no": ("bad",), "yes": ("很好",)}).pieces  # noqa: B018
    with pytest.raises(SpecError, match="there is no template 2; --prompt gives 1"):
        worded(bert, "{text} it was {mask}", link="cloze(template=2)").pieces  # noqa: B018
    one = worded(bert, "{text} it was {mask}")
    wordless = Worded(one.prompt, replace(one.setting, wording=Wording(words=WORDS)))
    assert "give one with --prompt" in (wordless.unsupported or "")


def test_a_base_without_a_trained_head_has_no_words(tiny: Callable[[str], Path]) -> None:
    assert "was not trained to fill" in (worded(str(tiny("bert")), "{text} it was {mask}").unsupported or "")
