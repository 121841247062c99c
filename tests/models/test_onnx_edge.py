"""Students without attention as graphs: the same logits for any number of rows and tokens, wherever rows end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from leantune.core.errors import SpecError
from leantune.core.student import Student
from leantune.models.base import Base, open_base
from leantune.models.build import build_network
from leantune.models.heads import HeadSpec
from leantune.models.network import Batch
from leantune.models.onnx_model import OnnxBody, as_network, to_onnx, traced_program
from leantune.models.student import student_of


@pytest.fixture
def student(tiny: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Base]:
    base = open_base(str(tiny("roberta")))
    return lambda kind: student_of(base, Student(kind, 16), 1, tmp_path / kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "head"), [("bag", "sequence"), ("lstm", "sequence"), ("lstm", "token")])
def test_a_graph_says_what_the_student_says(student: Callable[[str], Base], kind: str, head: str) -> None:
    network = build_network(student(kind), HeadSpec(head, ["a", "b"], 2), seed=1).eval()  # type: ignore[arg-type]
    graph = as_network(OnnxBody(to_onnx(network, types=False), network.body.config), network.anatomy)  # type: ignore[arg-type]
    random = torch.Generator().manual_seed(0)
    for rows, tokens in ((1, 2), (5, 11), (2, 29)):
        ids = torch.randint(1, 100, (rows, tokens), generator=random)
        mask = (torch.arange(tokens) < tokens - 2 * torch.arange(rows)[:, None]).long()
        with torch.no_grad():
            wanted, found = (one(Batch(ids, mask)) for one in (network, graph))
        wanted, found = (one[mask.bool()] if head == "token" else one for one in (wanted, found))
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)


def test_the_network_is_left_as_it_is(student: Callable[[str], Base]) -> None:
    network = build_network(student("lstm"), HeadSpec("sequence", ["a", "b"], 2), seed=1).eval()
    to_onnx(network, types=False)
    assert type(network.body).__name__ == "EdgeModel"


def test_a_program_of_an_lstm_is_refused(student: Callable[[str], Base]) -> None:
    network = build_network(student("lstm"), HeadSpec("sequence", ["a", "b"], 2), seed=1).eval()
    with pytest.raises(SpecError, match="cannot become a program"):
        traced_program(network, types=False, rows=8, tokens=64)
    bag = build_network(student("bag"), HeadSpec("sequence", ["a", "b"], 2), seed=1).eval()
    program = traced_program(bag, types=False, rows=8, tokens=64).module()
    ids = torch.arange(24).reshape(4, 6)
    with torch.no_grad():
        torch.testing.assert_close(program(ids, torch.ones_like(ids)), bag(Batch(ids, torch.ones_like(ids))))
