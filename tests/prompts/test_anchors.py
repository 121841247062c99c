"""Label words as anchors on a sentence encoder, against plain `transformers`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from leantune.core import catalogue
from leantune.core.wording import Wording
from leantune.data.examples import ExampleChunk
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Rows, Setting, Worded
from leantune.models.base import open_base
from leantune.prompts.anchors import CHINESE, MEANINGLESS

WORDS = {"no": ("bad", "awful"), "yes": ("great",)}


def worded(base: str, link: str = "anchors", words: dict[str, tuple[str, ...]] = WORDS, templates: tuple[str, ...] = ()) -> Worded:
    prompt = parse_method(f"{link} | frozen").prompt
    assert prompt is not None
    wording = Wording(templates=templates, words=words)
    return Worded(prompt, Setting(wording, open_base(base), catalogue.load("tasks", "classification"), list(words), {"text": 0}))


class Plain:
    """The oracle by hand."""

    def __init__(self, base: str) -> None:
        self.tokenizer, self.model = open_base(base).tokenizer, AutoModel.from_pretrained(base).eval()

    def states(self, chunk: ExampleChunk) -> np.ndarray:
        found = []
        for text in chunk.texts:
            coded = self.tokenizer(text, return_tensors="pt")
            with torch.inference_mode():
                found.append(self.model(**coded).last_hidden_state[0].mean(dim=0).numpy())
        return np.array(found)


def test_words_stand_in_templates_around_the_label(tiny: Callable[[str], Path]) -> None:
    one = worded(str(tiny("sentence-bert")), templates=("it was {label}", "{{very}} {label}", "{text} is {mask}"))
    assert one.said == [[["it was bad", "{very} bad"], ["it was awful", "{very} awful"]], [["it was great", "{very} great"]]]
    assert worded(str(tiny("sentence-bert"))).said[1][0][:2] == ["great", "This text is great."]


def test_chinese_words_stand_in_chinese_templates(tiny: Callable[[str], Path]) -> None:
    base, words = str(tiny("sentence-bert")), {"差评": ("差评",), "good": ("好评", "很 nice")}
    one = worded(base, words=words)
    assert one.said[0] == [["差评", "这是差评。", "这段文字是差评。", "这段文字是关于差评的。"]]
    assert [alone.templates for alone in one.prompt.apart(one.setting)] == [(spoken,) for spoken in CHINESE]
    assert worded(base, words=words, templates=("it was {label}",)).said[0] == [["it was 差评"]]
    assert worded(base, words={"差评": ("bad",), "好评": ("great",)}).said[0][0][1] == "This text is bad."


def test_harmful_words_are_left_out_and_told(tiny: Callable[[str], Path]) -> None:
    base = str(tiny("sentence-bert"))
    one, oracle = worded(base, words={"no": ("sad day", "happy love"), "yes": ("nice",)}), Plain(base)
    rows = Rows(ExampleChunk(["sad day", "very sad day", "happy love", "so happy love"] * 4), np.array([0, 0, 1, 1] * 4))
    settled = one.prompt.settle(one.setting, rows, oracle, 1)
    assert "happy love" not in settled.wording.words["no"]
    assert "sad day" in settled.wording.words["no"]
    assert '"happy love" of no' in settled.notes[0]


def test_words_that_part_no_rows_are_not_used_at_all(tiny: Callable[[str], Path]) -> None:
    base = str(tiny("sentence-bert"))
    one, oracle = worded(base, words={"no": ("happy love",), "yes": ("sad day",)}), Plain(base)
    rows = Rows(ExampleChunk(["sad day", "very sad day", "happy love", "so happy love"] * 4), np.array([0, 0, 1, 1] * 4))
    settled = one.prompt.settle(one.setting, rows, oracle, 1)
    assert settled.wording.words == {"no": (), "yes": ()}
    assert settled.notes == [MEANINGLESS]


@pytest.mark.parametrize(
    ("family", "words", "reason"),
    [("bert", WORDS, "is no sentence encoder"), ("sentence-bert", {"0": ("0",), "1": ("1",)}, 'give words with --labels "0=WORD')],
)
def test_what_says_nothing_is_refused(tiny: Callable[[str], Path], family: str, words: dict[str, tuple[str, ...]], reason: str) -> None:
    assert reason in str(worded(str(tiny(family)), words=words).unsupported)


def test_words_as_given_look_at_no_row(tiny: Callable[[str], Path]) -> None:
    assert not worded(str(tiny("sentence-bert")), "anchors(words=given)").prompt.settles
    assert worded(str(tiny("sentence-bert"))).prompt.settles
