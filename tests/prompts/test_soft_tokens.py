"""Soft tokens in a template: where they stand, what they start from, that they alone are trained, and that they come back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.nn.functional import cross_entropy
from transformers import AutoModelForMaskedLM, BertConfig, PreTrainedTokenizerFast

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.wording import Wording
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.template import Soft, Template
from leantune.evaluate.predict import make_batch
from leantune.execution.loop import apply_trainable, trained_names
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Setting, Worded
from leantune.models.adaptation import Adaptation, Target
from leantune.models.base import open_base
from leantune.models.build import anatomy_of, build_network
from leantune.models.delta import read_delta, write_delta
from leantune.models.heads import task_type
from leantune.models.network import Network

TEMPLATE = "{soft:2} {text} {soft:it was} {mask}"
WORDS = {"no": ("bad",), "yes": ("great",)}
TEXTS = ["the movie was very great", "this book was very bad", "good", ""]
FAMILIES = ["bert", "roberta", "distilbert", "albert", "electra", "deberta-v2", "modernbert", "gpt2", "llama", "t5", "bart"]
METHODS = ["cloze | frozen", "cloze | lora", "cloze | full", "cloze(encoder=lstm) | frozen", "cloze(encoder=mlp, verbalizer=soft) | bitfit"]


@pytest.fixture
def trained(tiny_lm: Callable[[str], Path]) -> Callable[[str], str]:
    return lambda family: str(tiny_lm(family))


def worded(
    base: str, template: str = TEMPLATE, *, link: str = "cloze", length: int | None = None, words: dict[str, tuple[str, ...]] = WORDS
) -> Worded:
    prompt = parse_method(f"{link} | full").prompt
    assert prompt is not None
    wording = Wording(templates=(template,), words=words)
    opened = open_base(base, max_length=length)
    return Worded(prompt, Setting(wording, opened, catalogue.load("tasks", "classification"), list(words), {"text": 0}))


def encoded(one: Worded, texts: list[str]) -> Encoded:
    return encode_rows(one.setting.base.tokenizer, ExampleChunk(texts), one.setting.base.max_length, one.pieces)


def logits(network: Network, one: Worded, texts: list[str]) -> torch.Tensor:
    tokenizer, rows = one.setting.base.tokenizer, encoded(one, texts)
    padded = rows.padded(np.arange(len(texts)), int(tokenizer.pad_token_id or 0))
    return network(make_batch(padded, types="token_type_ids" in tokenizer.model_input_names))


def attached(expression: str, one: Worded) -> tuple[Network, Adaptation]:
    network = build_network(one.setting.base, one.head, seed=1)
    kind = task_type(one.head.kind, one.setting.base.config)
    adaptation = parse_method(expression).method.attach(Target(network.body, network.anatomy, kind, 10), seed=1)
    network.body = adaptation.body
    return network, adaptation


def stepped(network: Network, adaptation: Adaptation, one: Worded, steps: int = 3) -> set[str]:
    """Train a little; the names that a gradient reached."""
    trained = apply_trainable(network, trained_names(network, adaptation))
    optimizer, reached = torch.optim.AdamW(trained.values(), lr=1e-2), set[str]()
    network.train()
    for _ in range(steps):
        cross_entropy(logits(network, one, TEXTS[:2]), torch.tensor([1, 0])).backward()
        reached |= {name for name, value in trained.items() if value.grad is not None and value.grad.any()}
        optimizer.step()
        optimizer.zero_grad()
    network.eval()
    return reached


@pytest.mark.parametrize("family", FAMILIES)
def test_at_the_start_soft_words_are_the_words(trained: Callable[[str], str], family: str) -> None:
    """A template whose soft tokens start from words says what the words themselves say."""
    soft, plain = worded(trained(family), "{text} {soft:it was} {mask}"), worded(trained(family), "{text} it was {mask}")
    numbers = encoded(soft, TEXTS[:1]).ids
    assert [int(number) for number in numbers if number < 0] == [-1, -2]
    assert len(numbers) == len(encoded(plain, TEXTS[:1]).ids)
    with torch.inference_mode():
        found, expected = (logits(build_network(one.setting.base, one.head, seed=1).eval(), one, TEXTS) for one in (soft, plain))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("expression", METHODS)
@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_the_laws_of_methods_hold_with_soft_tokens(trained: Callable[[str], str], tmp_path: Path, family: str, expression: str) -> None:
    prompt, method = expression.split(" | ")
    if family == "t5" and method == "bitfit":
        method = "lora"  # T5 has no biases
    one = worded(trained(family), link=prompt)
    network, adaptation = attached(method, one)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    first = logits(network.eval(), one, TEXTS).detach()
    reached = stepped(network, adaptation, one)
    names = trained_names(network, adaptation)
    assert {name for name in names if name.startswith("soft.")} <= reached, "no gradient"
    for name, value in network.named_parameters():
        assert (name in names) or torch.equal(value, before[name]), f"{name} changed without being trained"
        assert not name.startswith("soft.") or not torch.equal(value, before[name]), f"{name} did not move"
    with torch.inference_mode():
        last = logits(network, one, TEXTS)
        assert not torch.equal(first, last)
        for row, text in enumerate(TEXTS):
            torch.testing.assert_close(logits(network, one, [text])[0], last[row], atol=1e-4, rtol=0, msg="padding matters")
        write_delta(network, adaptation, one.setting.base, tmp_path / "delta")
        again = read_delta(replace(one.setting.base), tmp_path / "delta", one.head, merge=False)
        assert again.soft is not None
        assert again.soft.encoder is None
        torch.testing.assert_close(logits(again, one, TEXTS), last, atol=1e-5, rtol=0)


@pytest.mark.parametrize("encoder", [None, "lstm", "mlp"])
@pytest.mark.parametrize("family", ["bert", "albert"])
def test_the_declared_cost_is_what_is_trained(trained: Callable[[str], str], family: str, encoder: str | None) -> None:
    one = worded(trained(family), link="cloze" if encoder is None else f"cloze(encoder={encoder})")
    network, adaptation = attached("frozen", one)
    names = trained_names(network, adaptation)
    counted = sum(value.numel() for name, value in network.named_parameters() if name in names)
    assert one.cost(anatomy_of(one.setting.base, one.head)) == counted > 0


def test_free_tokens_start_at_words_that_the_seed_draws(trained: Callable[[str], str]) -> None:
    one = worded(trained("bert"), "{text} {soft:4} {mask}")
    tokenizer = one.setting.base.tokenizer
    assert one.head.soft_tokens is not None
    drawn_from = tokenizer.convert_ids_to_tokens(list(one.head.soft_tokens.drawn_from))
    assert "movie" in drawn_from
    assert not {"[MASK]", "##a", "7", "."} & set(drawn_from)
    networks = [build_network(one.setting.base, one.head, seed=seed) for seed in (1, 1, 2)]
    first, same, other = (network.soft() for network in networks if network.soft)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    table = networks[0].body.get_input_embeddings().weight  # type: ignore[operator]
    assert all((table == row).all(dim=1).any() for row in first)


def test_texts_are_shortened_and_soft_tokens_never(trained: Callable[[str], str]) -> None:
    one = worded(trained("bert"), "{soft:3} {text} {soft:it was} {mask} .", length=14)
    rows = encoded(one, ["very " * 40, "good [MASK] day"])
    for row in range(2):
        numbers = rows.ids[rows.starts[row] : rows.starts[row + 1]]
        assert [int(number) for number in numbers if number < 0] == [-1, -2, -3, -4, -5]
    assert rows.lengths.tolist()[0] == 14


def test_the_space_before_soft_words_belongs_to_them() -> None:
    parts = Template.parse("{text} {soft:Is this: good}? {soft:2}{mask}", {"text": 0}).parts
    assert parts[1] == Soft(words=" Is this: good")
    assert parts[2:4] == ("?", Soft(tokens=2))


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{text} {soft:0} {mask}", r"character 8: \{soft:0\} is no soft token. Say how many, such as \{soft:10\}"),
        ("{text} {soft:} {mask}", r"character 8: \{soft:\} is no soft token"),
        ("{soft} {text} {mask}", r"character 1: \{soft:\} is no soft token"),
        ("{text} {soft:-3} {mask}", r"\{soft:-3\} is no soft token"),
        ("{text} {soft:1.5} {mask}", r"\{soft:1.5\} is no soft token"),
        ("{text} {soft:200} {mask}", r"has 200 soft tokens and 3 others, and a row takes 128: 124 soft ones fit beside a text"),
        ("{text} {soft:很好} {mask}", r"the tokenizer does not know the words of \{soft:很好\}"),
    ],
)
def test_what_is_no_soft_token_is_told(trained: Callable[[str], str], template: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        worded(trained("bert"), template).pieces  # noqa: B018


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("cloze(encoder=lstm, soft_lr=0.1)", "encoder, soft_lr: for soft tokens, of which the prompt .* has none"),
        ("cloze(penalty=0.1)", "penalty is for a soft verbalizer"),
    ],
)
def test_options_that_change_nothing_are_told(trained: Callable[[str], str], link: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        worded(trained("bert"), "{text} {mask}", link=link).pieces  # noqa: B018


def test_soft_tokens_in_a_decoder_stand_before_the_mask(trained: Callable[[str], str]) -> None:
    with pytest.raises(SpecError, match=r"one \{mask\} must stand at the end"):
        worded(trained("gpt2"), "{text} {mask} {soft:3}").pieces  # noqa: B018


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A masked model that reads letter by letter, as BERT for Chinese does."""
    folder = tmp_path_factory.mktemp("chinese")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"这部电影很好看差不喜欢我的是一个真,。"]
    inner = Tokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    roles = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=64, **roles).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    return str(folder)


def test_chinese_templates_have_soft_tokens_between_their_letters(chinese: str) -> None:
    one = worded(chinese, "{text}。{soft:这是}{mask}{soft:2}看。", words={"no": ("差",), "yes": ("好",)})
    tokenizer = one.setting.base.tokenizer
    numbers = encoded(one, ["这部电影很好"]).ids.tolist()
    letters = tokenizer.convert_tokens_to_ids(["[CLS]", *"这部电影很好。"])
    assert numbers[:8] == letters
    assert numbers[8:] == [-1, -2, tokenizer.mask_token_id, -3, -4, *tokenizer.convert_tokens_to_ids(["看", "。", "[SEP]"])]
    assert one.head.soft_tokens is not None
    assert one.head.soft_tokens.starts[:2] == tuple(tokenizer.convert_tokens_to_ids(["这", "是"]))
    assert set(tokenizer.convert_ids_to_tokens(list(one.head.soft_tokens.drawn_from))) == set("这部电影很好看差不喜欢我的是一个真")
    network, adaptation = attached("frozen", one)
    before = network.soft().detach().clone() if network.soft else None
    assert trained_names(network, adaptation) == {"soft.vectors"}
    stepped(network, adaptation, one)
    assert network.soft is not None
    assert before is not None
    assert (network.soft() != before).any(dim=1).all()


READER = """
import sys, torch
from pathlib import Path
from test_soft_tokens import TEXTS, logits, worded
from leantune.models.delta import read_delta
base, folder, link = sys.argv[1:]
one = worded(base, link=link)
with torch.inference_mode():
    torch.save(logits(read_delta(one.setting.base, Path(folder), one.head), one, TEXTS), Path(folder) / "logits.pt")
"""


@pytest.mark.parametrize("family", ["bert", "t5"])
def test_a_fresh_process_gives_the_same_logits(trained: Callable[[str], str], tmp_path: Path, family: str) -> None:
    one = worded(trained(family), link="cloze(encoder=lstm)")
    network, adaptation = attached("lora", one)
    stepped(network, adaptation, one)
    write_delta(network, adaptation, one.setting.base, tmp_path)
    command = [sys.executable, "-c", READER, trained(family), str(tmp_path), "cloze(encoder=lstm)"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parent)
    assert done.returncode == 0, json.dumps(done.stderr[-2000:])
    with torch.inference_mode():
        torch.testing.assert_close(torch.load(tmp_path / "logits.pt"), logits(network, one, TEXTS), atol=1e-5, rtol=0)
