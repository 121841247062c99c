"""Quantising: the smallest form that dev supports, and what is said of the ones that it does not."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from leantune.compressors.quantize import Quantize
from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.measured import Latency
from leantune.kinds.compressor import Smaller
from leantune.kinds.method import parse_method
from leantune.models.base import open_base
from leantune.models.build import anatomy_of, build_network
from leantune.models.network import Batch, Network, weight_bytes
from leantune.models.onnx_model import OnnxBody, to_onnx
from leantune.scores.labels import tally
from leantune.scores.tally import Tally
from leantune.testing.trial_run import HEAD, TEXT, batch_of

Tiny = Callable[[str], Path]


@dataclass
class Shop:
    """A workshop whose dev rows are those that the original answers right."""

    original: Network
    rows: Batch
    gold: np.ndarray = field(init=False)
    chooses: bool = True
    writes: bool = False
    seed: int = 1
    steps: int = 8
    lr: float = 1e-3
    recovered: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gold = self._answers(self.original)

    @torch.inference_mode()
    def _answers(self, network: Network) -> np.ndarray:
        return network(self.rows).argmax(dim=-1).numpy()

    def batches(self, rows: int) -> Iterator[Batch]:
        yield self.rows

    def tally(self, network: Network) -> Tally:
        return tally("accuracy", self.gold, self._answers(network), 2)

    def latency(self, network: Network) -> Latency:
        return Latency(batch_1=1.0, batch_32=2.0)

    def recover(self, network: Network, *, steps: int, lr: float) -> Generator[Event, None, None]:
        self.recovered.append((steps, lr))
        assert any("parametrizations" in name for name, _ in network.named_parameters())
        yield from ()


def made(tiny: Tiny, *, spoilt: bool) -> tuple[Network, Batch]:
    """A tiny classifier; spoilt: one channel of its states is so large that 8 bits leave nothing of the others."""
    base = open_base(str(tiny("bert")))
    network, rows = build_network(base, HEAD, seed=1).eval(), batch_of(base, HEAD)
    if spoilt:
        with torch.no_grad():
            for layer in network.body.bert.encoder.layer:
                layer.attention.output.LayerNorm.weight[0] = layer.attention.output.LayerNorm.bias[0] = 2e4
                for part in (layer.intermediate.dense, layer.output.dense):
                    part.weight[:, 0] *= 1e-4
                layer.output.LayerNorm.weight[0] = layer.output.LayerNorm.bias[0] = 2e4
                for part in (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value):
                    part.weight[:, 0] *= 1e-4
            network.body.bert.pooler.dense.weight[:, 0] *= 1e-4
    return network, rows


@pytest.fixture(scope="module")
def sound(tiny: Tiny) -> tuple[Network, Batch, bytes]:
    network, rows = made(tiny, spoilt=False)
    return network, rows, to_onnx(network, types=True)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch, sound: tuple[Network, Batch, bytes]) -> Callable[..., tuple[Network, Shop]]:
    """A network with its workshop; the graph was traced once."""
    network, rows, model = sound
    monkeypatch.setattr("leantune.compressors._ladder.to_onnx", lambda network, types: model)
    return lambda **options: (network, Shop(network, rows, **options))


def run(asked: Quantize, network: Network, shop: Shop) -> Smaller:
    work = asked.compress(network, shop)
    while True:
        try:
            next(work)
        except StopIteration as ended:
            found: Smaller = ended.value
            return found


@pytest.mark.parametrize(("to", "rung"), [("int8", "per channel"), ("int4", "weights in 4 bits, embeddings in 8")])
def test_the_first_rung_is_taken_where_it_holds(
    traced: Callable[..., tuple[Network, Shop]], sound: tuple[Network, Batch, bytes], to: str, rung: str
) -> None:
    network, shop = traced(chooses=False)
    found = run(Quantize(to=to), network, shop)
    assert isinstance(found.network.body, OnnxBody)
    assert weight_bytes(found.network) < len(sound[2])
    assert found.notes[0].startswith(f"rung 1, {rung}: ")
    assert [(point.step, point.kept) for point in found.curve] == [("as trained", True), (rung, True)]
    assert shop.recovered == []


def test_where_every_rung_loses_it_stays_in_float32_and_says_so(
    monkeypatch: pytest.MonkeyPatch, traced: Callable[..., tuple[Network, Shop]]
) -> None:
    network, shop = traced(chooses=False)
    monkeypatch.setattr("leantune.compressors._ladder.ERROR", -1.0)
    found = run(Quantize(), network, shop)
    assert [point.kept for point in found.curve] == [True, False, False, False, False, True]
    assert found.notes[0].startswith("rung 5, float32: ")
    assert "per channel (" in found.notes[1]
    assert "static (" in found.notes[1]
    assert found.notes[2] == "nothing was quantised, it is an ONNX graph in float32"
    with torch.inference_mode():
        assert torch.allclose(found.network(shop.rows), network(shop.rows), atol=1e-5)


def test_aware_steps_come_first_with_rounded_maps(traced: Callable[..., tuple[Network, Shop]]) -> None:
    network, shop = traced()
    run(Quantize(aware=3), network, shop)
    assert shop.recovered == [(3, shop.lr / 4)]
    assert Quantize(aware=3).further_steps(100) == 3
    assert not any("parametrizations" in name for name, _ in network.named_parameters())


@pytest.mark.slow
def test_the_gate_refuses_eight_bits_where_activations_are_made_to_break_them(tiny: Tiny) -> None:
    network, rows = made(tiny, spoilt=True)
    shop = Shop(network, rows, chooses=False)
    found = run(Quantize(), network, shop)
    assert not found.curve[1].kept
    assert "was not ruled out with per channel" in found.notes[1]


def test_what_writes_texts_has_no_graph(tiny: Tiny, traced: Callable[..., tuple[Network, Shop]]) -> None:
    network, shop = traced(writes=True)
    with pytest.raises(SpecError, match=r"written token by token.*quantize\(nf4\) works"):
        run(Quantize(), network, shop)
    transducer = anatomy_of(open_base(str(tiny("t5"))), TEXT)
    assert "token by token" in str(Quantize().unsupported(transducer))
    assert Quantize(to="nf4").unsupported(transducer) is None
    assert Quantize().unsupported(network.anatomy) is None


def test_nothing_stands_behind_it() -> None:
    assert [link for link, _ in parse_method("full | shrink(layers=1) | quantize(int8)").compressors] == [
        "shrink(layers=1)",
        "quantize(int8)",
    ]
    with pytest.raises(SpecError, match=r"nothing can stand behind quantize\(int8\).*Put it last"):
        parse_method("full | quantize(int8) | shrink(layers=1)")


@pytest.mark.parametrize(
    ("text", "hint"), [("quantize(int9)", "int8"), ("quantize(int8, margin=0)", "margin"), ("quantize(aware=-1)", "aware")]
)
def test_wrong_options_are_told(text: str, hint: str) -> None:
    with pytest.raises(SpecError, match=hint):
        parse_method(f"full | {text}")
