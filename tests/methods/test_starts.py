"""Virtual tokens start from words: of a text, of what the answers are called, or sampled ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from leantune.core.errors import SpecError
from leantune.kinds.method import parse_method
from leantune.models.adaptation import Adaptation, Target
from leantune.models.base import open_base
from leantune.models.build import anatomy_of, build_network
from leantune.testing.trial_run import HEAD

WORDS = ("very bad", "good")


def attached(expression: str, folder: Path, words: tuple[str, ...] = WORDS) -> tuple[Target, Adaptation]:
    base, method = open_base(str(folder)), parse_method(expression).method
    network = build_network(base, HEAD, seed=1, prepends=True)
    target = Target(network.body, network.anatomy, "FEATURE_EXTRACTION", 10, words, base.numbers)
    return target, method.attach(target, seed=3)


def rows_of(target: Target, text: str) -> torch.Tensor:
    assert target.numbers is not None
    return target.body.get_submodule(target.anatomy.embeddings)(torch.tensor(target.numbers(text)))


def prompt_of(adaptation: Adaptation) -> torch.Tensor:
    weight: torch.Tensor = adaptation.body.prompt_encoder["default"].embedding.weight  # type: ignore[index, union-attr, assignment]
    return weight


@pytest.mark.parametrize(
    ("expression", "text"),
    [("prompt(tokens=5)", "very bad good"), ('prompt(tokens=5, text="the movie was great")', "the movie was great")],
)
@pytest.mark.parametrize("family", ["bert", "albert", "gpt2"])
def test_a_prompt_starts_at_the_rows_of_words(tiny: Callable[[str], Path], family: str, expression: str, text: str) -> None:
    target, adaptation = attached(expression, tiny(family))
    expected, found = rows_of(target, text)[:5], prompt_of(adaptation)
    assert len(expected) < 5 or family == "gpt2"
    assert torch.equal(found[: len(expected)], expected)
    table = target.body.get_submodule(target.anatomy.embeddings).weight
    assert all((table == row).all(dim=1).any() for row in found), "the rest are rows of the vocabulary"


def test_without_words_all_are_sampled(tiny: Callable[[str], Path]) -> None:
    with_words, without, alone = (
        prompt_of(attached(expression, tiny("bert"), words)[1])
        for expression, words in (("prompt(tokens=5)", WORDS), ("prompt(tokens=5)", ()), ("prompt(tokens=5, init=vocabulary)", WORDS))
    )
    assert torch.equal(without, alone)
    assert not torch.equal(with_words[:3], without[:3])
    assert torch.equal(with_words[3:], without[3:])


@pytest.mark.parametrize("family", ["gpt2", "qwen2"])
def test_a_prefix_starts_at_what_the_base_keeps_of_words(tiny: Callable[[str], Path], family: str) -> None:
    """The keys and values that a decoder keeps of a text for what follows; qwen2 turns its keys by their place."""
    target, adaptation = attached('prefix(tokens=4, text="the movie was great")', tiny(family))
    assert target.numbers is not None
    ids = torch.tensor([target.numbers("the movie was great")[:4]])
    plain = build_network(open_base(str(tiny(family))), HEAD, seed=1, prepends=True).body.eval()
    with torch.inference_mode():
        kept = plain(input_ids=ids, use_cache=True).past_key_values
    found = prompt_of(adaptation).view(4, target.anatomy.layers_run, 2, target.anatomy.key_value_width)
    for layer in range(target.anatomy.layers_run):
        keys, values = (part[0].transpose(0, 1).flatten(1) for part in (kept.layers[layer].keys, kept.layers[layer].values))
        torch.testing.assert_close(found[:, layer, 1], values)
        if family == "gpt2":
            torch.testing.assert_close(found[:, layer, 0], keys)


def test_words_that_would_not_be_used_are_told(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(SpecError, match='text="很好" has no token that the base model knows'):
        attached('prompt(text="很好")', tiny("bert"))
    method = parse_method('prefix(projection=true, text="good")').method
    assert "leave text out" in (method.unsupported(anatomy_of(open_base(str(tiny("bert"))), HEAD)) or "")
