"""Graphs: what the network says, for any number of rows and tokens; quantised, each row for itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leantune.core.errors import ArtifactError, SpecError
from leantune.models.adaptation import Adaptation
from leantune.models.anatomy import Anatomy
from leantune.models.base import Base, open_base
from leantune.models.build import build_network
from leantune.models.delta import is_plain, read_delta, write_delta
from leantune.models.heads import HeadSpec
from leantune.models.network import Batch, Network, parameter_count, weight_bytes
from leantune.models.onnx_model import OnnxBody, as_network, find_onnx, read_onnx, to_onnx, unexportable, write_onnx
from leantune.models.onnx_quantize import dynamic8, static8, weights4
from leantune.testing.tiny import FAMILIES, TRANSDUCERS
from leantune.testing.trial_run import HEAD, TEXT

Tiny = Callable[[str], Path]
UNSEEN = ((1, 1), (1, 2), (1, 33), (2, 5), (5, 40), (9, 3))
HEADS = {"sequence": HEAD, "token": HeadSpec("token", ["O", "B-x"], 2), "span": HeadSpec("span", ["span"], 2)}


def rows(base: Base, shape: tuple[int, int]) -> Batch:
    count, length = shape
    ids = torch.randint(6, 60, shape, generator=torch.Generator().manual_seed(count * 100 + length))
    mask = (torch.arange(length) < (length - torch.arange(count)).clamp(min=1).unsqueeze(1)).long()
    ids = torch.where(mask.bool(), ids, torch.full_like(ids, int(base.tokenizer.pad_token_id)))
    types = (torch.arange(length) > length // 2).long().expand(shape) if reads_types(base) else None
    return Batch(ids, mask, types)


def reads_types(base: Base) -> bool:
    return "token_type_ids" in base.tokenizer.model_input_names


@torch.inference_mode()
def said(network: Network, batch: Batch) -> Tensor:
    logits = network(batch)
    return logits if logits.dim() == 2 else logits[batch.attention_mask.bool()]


def traced(base: Base, head: HeadSpec = HEAD) -> tuple[Network, bytes]:
    network = build_network(base, head, seed=1).eval()
    return network, to_onnx(network, types=reads_types(base))


def around(model: bytes, network: Network) -> Network:
    return as_network(OnnxBody(model, network.body.config), network.anatomy)


def products(model: bytes, kind: str = "MatMulInteger") -> int:
    import onnx

    return sum(node.op_type == kind for node in onnx.load_from_string(model).graph.node)


def furthest(one: Network, other: Network, base: Base) -> float:
    return max(float((said(one, batch) - said(other, batch)).abs().max()) for batch in (rows(base, shape) for shape in UNSEEN))


@pytest.fixture(scope="module")
def base(tiny: Tiny) -> Base:
    return open_base(str(tiny("bert")))


@pytest.fixture(scope="module")
def made(base: Base) -> tuple[Network, bytes]:
    return traced(base)


def test_a_graph_says_what_the_network_says_for_shapes_that_were_not_traced(base: Base, made: tuple[Network, bytes]) -> None:
    network, model = made
    graph = around(model, network)
    assert furthest(graph, network, base) < 1e-5
    assert parameter_count(graph) == parameter_count(network)
    assert weight_bytes(graph) == len(model)


def test_attention_is_written_out_in_the_graph_alone(made: tuple[Network, bytes]) -> None:
    network, model = made
    assert products(model, "Softmax") == len(network.anatomy.blocks)
    assert products(model, "IsNaN") == 0
    assert network.body.config._attn_implementation == "sdpa"


def test_a_stored_graph_reads_back_the_same(base: Base, made: tuple[Network, bytes], tmp_path: Path) -> None:
    network, model = made
    graph = around(dynamic8(model), network)
    write_delta(graph, Adaptation(graph.body, frozenset()), base, tmp_path)
    again = read_delta(base, tmp_path, HEAD)
    assert not is_plain(again)
    assert again.anatomy.blocks == network.anatomy.blocks
    assert furthest(again, graph, base) == 0
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ArtifactError, match=r"no readable ONNX graph.*Copy the whole folder"):
        read_delta(base, tmp_path, HEAD)


def test_the_places_of_transformers_js_are_found(made: tuple[Network, bytes], tmp_path: Path) -> None:
    network, model = made
    body = OnnxBody(model, network.body.config)
    assert find_onnx(tmp_path) is None
    write_onnx(body, tmp_path, "onnx/model.onnx")
    assert find_onnx(tmp_path) == tmp_path / "onnx" / "model.onnx"
    write_onnx(body, tmp_path, "onnx/model_quantized.onnx")
    assert find_onnx(tmp_path) == tmp_path / "onnx" / "model_quantized.onnx"


@pytest.mark.parametrize("make", [dynamic8, weights4], ids=["int8", "int4"])
def test_quantised_a_row_says_the_same_whatever_stands_beside_it(
    base: Base, made: tuple[Network, bytes], make: Callable[[bytes], bytes]
) -> None:
    network, model = made
    graph = around(make(model), network)
    together = rows(base, (6, 20))
    alone = [Batch(*(value[row : row + 1] for value in together.inputs().values())) for row in range(6)]
    assert torch.equal(said(graph, together), torch.cat([said(graph, one) for one in alone]))
    assert 0 < furthest(graph, network, base) < 0.15  # processors without VNNI saturate 8-bit products in pairs
    assert weight_bytes(graph) < len(model)


def test_quantised_tokens_are_read_where_they_stand(base: Base, made: tuple[Network, bytes]) -> None:
    network, model = made
    body = OnnxBody(dynamic8(model), network.body.config)
    lengths = torch.tensor([4, 2])
    body.session = _Echo()
    mask = (torch.arange(4) < lengths.unsqueeze(1)).long()
    logits = body(input_ids=torch.arange(8).reshape(2, 4), attention_mask=mask, token_type_ids=mask).logits
    assert logits[..., 0].tolist() == [[0, 1, 2, 3], [4, 5, 0, 0]]


class _Echo:
    """A session that gives back what it reads."""

    def run(self, names: list[str], given: dict[str, object]) -> list[object]:
        import numpy as np

        return [np.array(given["input_ids"], dtype=np.float32)[..., None]]


def test_layers_can_be_left_out_and_scales_measured_before(base: Base, made: tuple[Network, bytes]) -> None:
    network, model = made
    first = network.anatomy.blocks[0]
    some, every = dynamic8(model, embeddings=False, inside=[first]), dynamic8(model, embeddings=False)
    assert len(every) < len(some) < len(model)
    assert 0 < products(some) < products(every)
    measured = static8(model, [rows(base, (4, 12)), rows(base, (3, 7))])
    assert len(measured) < len(model)
    assert furthest(around(measured, network), network, base) < 0.5


@pytest.mark.parametrize("family", TRANSDUCERS)
def test_what_writes_token_by_token_is_refused(tiny: Tiny, family: str) -> None:
    network = build_network(open_base(str(tiny(family))), TEXT, seed=1)
    with pytest.raises(SpecError, match="an encoder-decoder writes token by token"):
        to_onnx(network, types=False)


def test_a_graph_is_not_traced_again(made: tuple[Network, bytes]) -> None:
    network, model = made
    assert unexportable(network) is None
    assert unexportable(around(model, network)) == "it is an ONNX graph already"
    asked = Network(network.body, torch.nn.Linear(2, 2), "asked", network.anatomy)
    assert "mask of a prompt" in str(unexportable(asked))


def test_without_the_package_the_command_is_told(monkeypatch: pytest.MonkeyPatch, made: tuple[Network, bytes]) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SpecError, match=r'pip install "leantune\[onnx\]"'):
        dynamic8(made[1])


def test_a_folder_without_configuration_of_its_own_keeps_that_of_its_base(made: tuple[Network, bytes], tmp_path: Path) -> None:
    network, model = made
    (tmp_path / "a.onnx").write_bytes(model)
    assert read_onnx(tmp_path / "a.onnx", network.body.config).parameter_count == parameter_count(network)


@pytest.mark.slow
@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_becomes_a_graph(tiny: Tiny, family: str, kind: str) -> None:
    base = open_base(str(tiny(family)))
    if kind != "sequence" and family not in ("bert", "deberta-v2", "modernbert"):
        pytest.skip("one family of each kind of attention is enough for the other heads")
    network, model = traced(base, HEADS[kind])
    assert furthest(around(model, network), network, base) < 1e-5


@pytest.mark.slow
def test_products_with_a_bias_in_them_are_packed_too(tiny: Tiny) -> None:
    base = open_base(str(tiny("gpt2")))
    network, model = traced(base)
    packed = weights4(model, inside=network.anatomy.blocks)
    assert products(packed, "MatMulNBits") - products(weights4(model), "MatMulNBits") == 8  # four maps in each of two layers
    assert len(packed) < len(weights4(model))
    assert furthest(around(packed, network), network, base) < 1


@pytest.mark.slow
def test_a_vocabulary_becomes_a_graph_that_is_read_at_masks(tiny_lm: Tiny, tmp_path: Path) -> None:
    base = open_base(str(tiny_lm("bert")))
    head = HeadSpec("sequence", ["bad", "good"], 2)
    worded = replace(head, kind="masked", words=((((11,),),), (((12,),), ((13,),))))
    network, model = traced(base, worded)
    graph = as_network(OnnxBody(model, network.body.config), network.anatomy, network.verbalizer)
    batch = replace(rows(base, (3, 9)), asked=torch.tensor([[1], [4], [2]]))
    assert torch.allclose(said(graph, batch), said(network, batch), atol=1e-5)
    write_delta(graph, Adaptation(graph.body, frozenset()), base, tmp_path)
    again = read_delta(base, tmp_path, worded)
    assert isinstance(again.anatomy, Anatomy)
    assert torch.allclose(said(again, batch), said(network, batch), atol=1e-5)
