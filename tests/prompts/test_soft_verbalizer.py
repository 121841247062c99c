"""The soft verbalizer: drawn back to its words by a penalty, and refused where no head can take the place of the words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from test_soft_tokens import TEXTS, attached, logits, worded
from torch import nn
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

from leantune.models.adaptation import Adaptation, penalised
from leantune.models.build import has_output_layer
from leantune.models.verbalizer import drawn_back

PLAIN = "{text} it was {mask} ."


def test_the_penalty_is_the_squared_distance_from_the_words() -> None:
    head = nn.Linear(3, 2)
    penalty = drawn_back(head, 0.5)
    assert float(penalty().detach()) == 0.0
    with torch.no_grad():
        head.weight.add_(2.0)
    assert float(penalty().detach()) == pytest.approx(0.5 * 6 * 4.0)
    penalty().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(head.weight.grad, torch.full((2, 3), 2.0))


def test_penalties_of_method_and_prompt_add_up() -> None:
    body = nn.Linear(1, 1)
    both = penalised(penalised(Adaptation(body, frozenset()), lambda: torch.tensor(2.0)), lambda: torch.tensor(3.0))
    assert both.penalty is not None
    assert float(both.penalty()) == 5.0


def test_only_a_soft_verbalizer_is_drawn_back(tiny_lm: Callable[[str], Path]) -> None:
    base = str(tiny_lm("bert"))
    assert worded(base, PLAIN).head.penalty == 0.0
    assert worded(base, PLAIN, link="cloze(verbalizer=soft)").head.penalty == 0.01
    assert worded(base, PLAIN, link="cloze(verbalizer=soft, penalty=0.5)").head.penalty == 0.5
    assert worded(base, PLAIN, link="cloze(verbalizer=soft, penalty=0.0)").head.penalty == 0.0


@pytest.fixture
def multiplies(tiny: Callable[[str], Path], tmp_path: Path) -> str:
    """A masked model whose logits are made without a layer for them, as DeBERTa's own are."""
    config = AutoConfig.from_pretrained(tiny("deberta-v2"), legacy=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForMaskedLM.from_config(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny("deberta-v2")).save_pretrained(tmp_path)
    return str(tmp_path)


def test_a_base_that_multiplies_by_its_table_keeps_its_words(multiplies: str, tiny_lm: Callable[[str], Path]) -> None:
    soft, manual = (worded(multiplies, PLAIN, link=link) for link in ("cloze(verbalizer=soft)", "cloze"))
    assert "multiplies by its table of words itself" in (soft.unsupported or "")
    assert manual.unsupported is None
    network, _ = attached("frozen", manual)
    assert logits(network.eval(), manual, TEXTS).isfinite().all()
    assert has_output_layer(worded(str(tiny_lm("deberta-v2")), PLAIN).setting.base, "masked")
    assert has_output_layer(worded(str(tiny_lm("t5")), PLAIN).setting.base, "text")
