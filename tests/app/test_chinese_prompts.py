"""Chinese works as English does: templates, label words of one and two characters, full-width signs, no space anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoModelForMaskedLM, BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

import leantune as lt
from leantune.core import catalogue
from leantune.core.wording import Wording
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.seen import seen
from leantune.evaluate.predict import make_batch
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Setting, Worded
from leantune.models.base import open_base
from leantune.models.build import build_network

ROWS = ["这本书很有意思，我很喜欢！", "房间太小，服务也差。", ""]
SHORT = {"差评": ("差",), "好评": ("好",)}
LONG = {"差评": ("失望", "差"), "好评": ("满意",)}
SIGNS = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A masked model whose words are single characters, as those of all Chinese BERTs are."""
    folder = tmp_path_factory.mktemp("chinese")
    letters = sorted(
        {
            letter
            for text in [*ROWS, "总之很满意失望好差评这是个问题答案：「」？，。“”说的一词概括", *"abcdefghij0123456789"]
            for letter in text
        }
    )
    inner = Tokenizer(models.WordPiece({word: number for number, word in enumerate([*SIGNS.values(), *letters])}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=64, **SIGNS).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shape = {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "max_position_embeddings": 64,
        }
        BertForMaskedLM(BertConfig(vocab_size=len(letters) + 5, initializer_range=0.2, **shape)).save_pretrained(folder)
    return str(folder)


def worded(base: str, template: str, words: dict[str, tuple[str, ...]], length: int | None = None) -> Worded:
    prompt = parse_method("cloze | full").prompt
    assert prompt is not None
    wording, task = Wording(templates=(template,), words=words), catalogue.load("tasks", "classification")
    return Worded(prompt, Setting(wording, open_base(base, max_length=length), task, list(words), {"text": 0}))


def logits_of(one: Worded, rows: list[str]) -> torch.Tensor:
    base = one.setting.base
    encoded = encode_rows(base.tokenizer, ExampleChunk(rows), base.max_length, one.pieces)
    padded = encoded.padded(np.arange(len(rows)), int(base.tokenizer.pad_token_id or 0))
    with torch.inference_mode():
        return build_network(base, one.head, seed=1).eval()(make_batch(padded, types=True))


def at_masks(folder: str, text: str) -> tuple[Callable[[str], list[float]], int]:
    """By plain `transformers`: the log-probability of each character of a word at the masks of a text; and how many masks there are."""
    tokenizer, model = open_base(folder).tokenizer, AutoModelForMaskedLM.from_pretrained(folder).eval()
    coded = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        likely = model(**coded).logits[coded["input_ids"] == tokenizer.mask_token_id].log_softmax(-1)
    return lambda word: [float(likely[at, tokenizer.convert_tokens_to_ids(letter)]) for at, letter in enumerate(word)], len(likely)


@pytest.mark.parametrize("template", ["{text}总之很{mask}。", "「{text}」：{mask}！", "{mask}评：{text}"])
def test_a_word_of_one_character(chinese: str, template: str) -> None:
    found = logits_of(worded(chinese, template, SHORT), ROWS)
    for row, own in zip(ROWS, found, strict=True):
        said, masks = at_masks(chinese, template.format(text=row, mask="[MASK]"))
        assert masks == 1
        assert own.tolist() == pytest.approx([said("差")[0], said("好")[0]], abs=1e-4)


def test_words_of_two_characters_get_two_masks(chinese: str) -> None:
    found = logits_of(worded(chinese, "{text}总之很{mask}。", LONG), ROWS)
    for row, own in zip(ROWS, found, strict=True):
        said, masks = at_masks(chinese, f"{row}总之很[MASK][MASK]。")
        assert masks == 2
        bad = (np.mean(said("失望")) + said("差")[0]) / 2
        assert own.tolist() == pytest.approx([bad, np.mean(said("满意"))], abs=1e-4)


def test_nothing_stands_between_template_and_text_and_only_the_text_is_shortened(chinese: str) -> None:
    one = worded(chinese, "问题：{text:nodot}？答案：{mask}。", SHORT, length=20)
    tokenizer = one.setting.base.tokenizer
    read = seen(tokenizer, one.pieces, ["服务也差。"], 20)  # type: ignore[arg-type]
    assert "".join(token.text for token in read.tokens) == "[CLS]问题：服务也差？答案：[MASK]。[SEP]"
    assert not any(token.spaced for token in read.tokens if token.kind in ("template", "text"))
    encoded = encode_rows(tokenizer, ExampleChunk(["房间太小" * 10]), 20, one.pieces)
    whole = tokenizer.decode(encoded.ids).replace(" ", "")
    assert len(encoded.ids) == 20
    assert whole == "[CLS]问题：房间太小房间太小房？答案：[MASK]。[SEP]"


FILE = [
    {"text": f"{start}{number}", "label": label} for number in range(40) for label, start in (("差评", "服务也差"), ("好评", "我很喜欢"))
]


def test_from_a_file_to_an_artifact(chinese: str, tmp_path: Path, proof_here: None) -> None:
    opened = lt.study(
        FILE,
        model=chinese,
        out=tmp_path / "run",
        prompt="{text}，总之很{mask}。",
        labels="差评=差|失望, 好评=好|满意",
        budget="10steps",
        max_length=32,
        quiet=True,
    )
    lt.train(opened, "cloze | frozen", tmp_path / "best")
    (found,) = lt.load(tmp_path / "best").predict(["这本书很有意思"])
    said, _ = at_masks(chinese, "这本书很有意思，总之很[MASK][MASK]。")
    scores = {"差评": (said("差")[0] + np.mean(said("失望"))) / 2, "好评": (said("好")[0] + np.mean(said("满意"))) / 2}
    assert found.label == max(scores, key=lambda label: scores[label])
    assert found.score == pytest.approx(np.exp(scores[found.label]) / sum(np.exp(score) for score in scores.values()), abs=1e-4)


def test_without_a_prompt_chinese_words_get_chinese_templates(chinese: str, tmp_path: Path, proof_here: None) -> None:
    opened = lt.study(FILE, model=chinese, out=tmp_path / "run", labels="差评=差, 好评=好", max_length=48, quiet=True)
    lt.train(opened, "cloze(template=all) | frozen", tmp_path / "best")
    (found,) = lt.load(tmp_path / "best").predict(["房间太小。"])
    said = ["房间太小。这是[MASK]。", "房间太小。总之，[MASK]。", "“房间太小。”说的是[MASK]。", "房间太小。一个词概括：[MASK]。"]
    asked = [at_masks(chinese, one)[0] for one in said]
    likely = {label: float(np.mean([one(word)[0] for one in asked])) for label, word in (("差评", "差"), ("好评", "好"))}
    assert found.label == max(likely, key=lambda label: likely[label])
    assert found.score == pytest.approx(np.exp(likely[found.label]) / sum(map(np.exp, likely.values())), abs=1e-4)
