"""Fewer rows of the embeddings for the optimiser: the same training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from leantune.models.seen_rows import SeenRows, seen_rows

IDS = np.array([0, 3, 5, 6, 9])


def body() -> BertModel:
    torch.manual_seed(1)
    config = BertConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    for key in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        setattr(config, key, 0.0)
    return BertModel(config, add_pooling_layer=False)


def batches() -> list[torch.Tensor]:
    drawn = np.random.default_rng(1)
    return [torch.from_numpy(drawn.choice(IDS, (3, 4))) for _ in range(6)]


def train(model: BertModel, trained: dict[str, nn.Parameter]) -> None:
    optimizer = torch.optim.AdamW(trained.values(), lr=1e-2, weight_decay=0.0)
    for ids in batches():
        model(input_ids=ids).last_hidden_state.square().sum().backward()
        nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


def test_the_weights_afterwards_are_those_of_the_whole_table() -> None:
    whole, fewer = body(), body()
    train(whole, dict(whole.named_parameters()))
    with seen_rows(fewer, dict(fewer.named_parameters()), IDS) as trained:
        assert sum(one.numel() for one in trained.values()) == sum(one.numel() for one in whole.parameters()) - 35 * 16
        train(fewer, trained)
    for (name, one), other in zip(whole.named_parameters(), fewer.parameters(), strict=True):
        torch.testing.assert_close(other, one, msg=name)
        assert other.requires_grad
    assert type(fewer.get_input_embeddings()) is nn.Embedding


def test_other_tokens_can_be_looked_up_between_steps_but_not_in_one() -> None:
    model = body()
    with seen_rows(model, dict(model.named_parameters()), IDS) as trained:
        train(model, trained)
        model.eval()
        found = model(input_ids=torch.tensor([[3, 30]])).last_hidden_state
        with pytest.raises(AssertionError, match="not to reach"):
            model.train()(input_ids=torch.tensor([[3, 30]]))
    torch.testing.assert_close(model.eval()(input_ids=torch.tensor([[3, 30]])).last_hidden_state, found)


def test_a_table_that_is_not_trained_or_used_twice_or_seen_nearly_whole_is_left_alone() -> None:
    model = body()
    trained = dict(model.named_parameters())
    few = {name: one for name, one in trained.items() if "word_embeddings" not in name}
    model.tied = nn.Linear(16, 40, bias=False)
    for given, ids, tied in ((few, IDS, False), (trained, None, False), (trained, np.arange(30), False), (trained, IDS, True)):
        model.tied.weight = model.get_input_embeddings().weight if tied else nn.Parameter(torch.zeros(40, 16))
        with seen_rows(model, given, ids) as found:
            assert found == given
            assert not isinstance(model.get_input_embeddings(), SeenRows)


def test_the_table_is_whole_again_after_a_fault() -> None:
    model = body()
    reached = seen_rows(model, dict(model.named_parameters()), IDS)
    train(model, reached.__enter__())
    assert not reached.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert type(model.get_input_embeddings()) is nn.Embedding
