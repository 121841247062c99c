"""Maps that work on the tokens alone that are read."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from leantune.models.network import Batch, tokens_read
from leantune.models.sought import alone
from leantune.models.unpadded import Layout

MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]])
READ = torch.tensor([[0, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 0]]).bool()


class Counted(nn.Linear):
    """Notes what it is given."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        self.given = states
        return super().forward(states)


@pytest.fixture
def part() -> Counted:
    torch.manual_seed(0)
    return Counted(5, 7)


def test_a_map_is_shown_what_is_read_and_gives_nothing_for_the_rest(part: Counted) -> None:
    states = torch.randn(3, 4, 5, requires_grad=True)
    whole = part(states)
    (before,) = torch.autograd.grad(whole[READ].square().sum(), states)
    with alone([part], READ, MASK):
        found = part(states)
    assert torch.equal(part.given, states[READ].unsqueeze(0))
    assert torch.allclose(found, whole * READ.unsqueeze(-1), atol=1e-6)
    (after,) = torch.autograd.grad(found.square().sum(), states)
    assert torch.allclose(before, after, atol=1e-5)
    assert torch.equal(part(states), whole), "nothing is left behind"


def test_virtual_tokens_in_front_are_not_read(part: Counted) -> None:
    states = torch.randn(3, 6, 5)
    with alone([part], READ, MASK):
        part(states)
    assert torch.equal(part.given, states[:, 2:][READ].unsqueeze(0))


def test_rows_one_after_the_other_are_read_at_the_same_tokens(part: Counted) -> None:
    states = torch.randn(3, 4, 5)
    layout = Layout.of(MASK)
    whole = layout.pack(part(states) * READ.unsqueeze(-1))
    with alone([part], READ, MASK):
        found = part(layout.pack(states))
    assert part.given.shape == (1, 4, 5)
    assert torch.allclose(found, whole, atol=1e-6)


def test_after_an_error_maps_are_what_they_were(part: Counted) -> None:
    with pytest.raises(RuntimeError), alone([part], READ, MASK):
        part(torch.randn(3, 4, 6))
    assert not part._forward_hooks
    assert not part._forward_pre_hooks


@pytest.mark.parametrize(
    ("pools", "read"),
    [("cls", [[0], [0], [0]]), ("last", [[1, 2], [2, 3], [0]]), ("mean", None), (None, None)],
    ids=["cls", "last", "mean", "all"],
)
def test_what_a_head_reads(pools: str | None, read: list[list[int]] | None) -> None:
    ids = torch.tensor([[4, 7, 9, 0], [4, 4, 7, 9], [5, 0, 0, 0]])
    found = tokens_read(Batch(ids, MASK), pools, None)
    assert (None if found is None else [row.nonzero().flatten().tolist() for row in found]) == read


def test_what_ends_in_the_token_of_padding_is_read_before_it_too() -> None:
    ids = torch.tensor([[4, 7, 9, 0], [4, 9, 9, 9], [9, 0, 0, 0]])
    found = tokens_read(Batch(ids, MASK), "last", None)
    assert found is not None
    assert [row.nonzero().flatten().tolist() for row in found] == [[1, 2], [0, 3], [0]]


def test_masks_and_sought_tokens_are_read_before_anything_else() -> None:
    asked = torch.tensor([[1, 2], [0, 3], [0, 0]])
    found = tokens_read(Batch(MASK, MASK, asked=asked), "cls", None)
    assert found is not None
    assert [row.nonzero().flatten().tolist() for row in found] == [[1, 2], [0, 3], [0]]
    assert tokens_read(Batch(MASK, MASK), None, READ) is READ
