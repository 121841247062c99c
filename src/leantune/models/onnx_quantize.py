"""Quantising a graph: numbers of 8 or 4 bits in the place of 32, from bytes to bytes.

    dynamic8    y = scale_x scale_w (X_q W_q)       W per output channel, once; X per call, by what it holds then
    static8     the same with scales of X that were measured on rows before
    weights4    W in blocks of 32 with a scale each, X as it is; embeddings in 8 bits

What is left out may be said by layer: the exporter notes at each node which module it comes from.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leantune.models.network import Batch
from leantune.models.onnx_model import INPUTS, SINGLY, need, noted

BLOCK = 32
"""Weights that share a scale in 4 bits."""
ALONE = {SINGLY: "yes"}
_SCOPES = "pkg.torch.onnx.name_scopes"
_PRODUCTS = ("MatMul", "Gemm")


def dynamic8(model: bytes, *, reduce_range: bool = False, embeddings: bool = True, inside: Sequence[str] | None = None) -> bytes:
    """8-bit integers, activations scaled while it runs.

    Args:
        model: of `to_onnx`.
        reduce_range: 7 bits for weights, whose products do not overflow on CPUs without VNNI.
        embeddings: whether tables are quantised too.
        inside: module paths below which products are quantised; everywhere when not given.
    """
    quantization = need("onnxruntime.quantization")
    read = _read(model)
    left_out = [] if inside is None else [node.name for node in read.graph.node if node.op_type in _PRODUCTS and not _below(node, inside)]
    options = {
        "per_channel": True,
        "reduce_range": reduce_range,
        "weight_type": quantization.QuantType.QInt8,
        "op_types_to_quantize": [*_PRODUCTS, *["Gather"] * embeddings],
        "nodes_to_exclude": left_out,
    }
    return _through(lambda out: quantization.quantize_dynamic(read, out, **options))


def static8(model: bytes, batches: Sequence[Batch]) -> bytes:
    """8-bit integers, activations scaled as they were on average in some batches."""
    quantization = need("onnxruntime.quantization")
    options = {
        "quant_format": quantization.QuantFormat.QDQ,
        "per_channel": True,
        "weight_type": quantization.QuantType.QInt8,
        "activation_type": quantization.QuantType.QUInt8,
        "op_types_to_quantize": list(_PRODUCTS),
        "extra_options": {"CalibMovingAverage": True},
    }
    rows = _Rows([_arrays(batch) for batch in batches])
    return _through(lambda out: quantization.quantize_static(_read(model), out, rows, **options))


def weights4(model: bytes, *, embeddings: bool = True, inside: Sequence[str] = ()) -> bytes:
    """Weights of products in 4 bits.

    Args:
        model: of `to_onnx`.
        embeddings: whether tables are quantised too, in 8 bits.
        inside: module paths below which products with a bias in them count too, as GPT-2 has them.
    """
    quantizer = need("onnxruntime.quantization.matmul_nbits_quantizer").MatMulNBitsQuantizer
    with _silent():
        found = quantizer(_apart(_read(model), inside), block_size=BLOCK, is_symmetric=True, accuracy_level=4)
        found.process()
    small = found.model.model
    if not embeddings:
        return noted(small, ALONE)
    quantization = need("onnxruntime.quantization")
    options = {"weight_type": quantization.QuantType.QInt8, "op_types_to_quantize": ["Gather"]}
    return _through(lambda out: quantization.quantize_dynamic(small, out, **options))


def _apart(model: Any, inside: Sequence[str]) -> Any:
    """Products that add their bias themselves as a product and a sum; the quantiser knows no others."""
    onnx, nodes = need("onnx"), []
    for node in model.graph.node:
        turned = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type != "Gemm" or not _below(node, inside) or any(turned.get(name, 0) for name in ("transA", "transB")):
            nodes.append(node)
            continue
        biased = len(node.input) > 2  # the exporter leaves a bias of zeros out
        product = f"{node.output[0]}_product" if biased else node.output[0]
        nodes.append(onnx.helper.make_node("MatMul", node.input[:2], [product], name=f"{node.name}_product"))
        if biased:
            nodes.append(onnx.helper.make_node("Add", [product, node.input[2]], node.output, name=f"{node.name}_sum"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


class _Rows:
    """What the calibration reads, a batch at a time."""

    def __init__(self, rows: list[dict[str, NDArray[np.int64]]]) -> None:
        self.rows, self.left = rows, iter(rows)

    def get_next(self) -> dict[str, NDArray[np.int64]] | None:
        """The next batch; None behind the last one."""
        return next(self.left, None)

    def __len__(self) -> int:
        return len(self.rows)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Only some of them."""
        self.left = iter(self.rows[start_index:end_index])


def _arrays(batch: Batch) -> dict[str, NDArray[np.int64]]:
    return {name: value.cpu().numpy() for name, value in batch.inputs().items() if name in INPUTS}


def _read(model: bytes) -> Any:
    return need("onnx").load_from_string(model)


def _below(node: Any, paths: Sequence[str]) -> bool:
    """Whether a node comes from one of the modules."""
    scopes = next((prop.value for prop in node.metadata_props if prop.key == _SCOPES), "")
    return any(f"'network.body.{path}'" in scopes for path in paths)


def _through(write: Any) -> bytes:
    """What is written to a file, to be read one row at a time."""
    with tempfile.TemporaryDirectory() as folder, _silent():
        write(Path(folder) / "model.onnx")
        return noted(need("onnx").load(Path(folder) / "model.onnx"), ALONE)


@contextmanager
def _silent() -> Iterator[None]:
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
