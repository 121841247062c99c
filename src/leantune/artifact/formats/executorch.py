"""executorch: the graph, and beside it a program for Android and iOS, its products left to XNNPACK, checked by its own runtime.

Module.load("model.pte")          with the same inputs and logits as the graph, up to `ROWS` rows as long as the artifact reads
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from leantune.artifact.formats._graph import body_of, plain_network, traced
from leantune.artifact.likeness import Measure
from leantune.artifact.parity import TOLERANCE
from leantune.core.errors import ArtifactError, SpecError
from leantune.models.network import Network
from leantune.models.onnx_model import INPUTS, traced_program, write_onnx

SUMMARY = "the graph and a program for Android and iOS"
FILE = "model.pte"
ROWS = 8
"""At a time; memory is laid out for so many when the program is made."""


def write(source: Path, measure: Measure, folder: Path) -> None:
    """Write the graph and the program.

    Raises:
        SpecError: E-EXTRA without the package.
        ArtifactError: E-ARTIFACT where there is no such program, or where it says something else than the graph.
    """
    exir, xnnpack = _need("executorch.exir"), _need("executorch.backends.xnnpack.partition.xnnpack_partitioner")
    _, network = traced(source, measure.predictor)
    write_onnx(body_of(network), folder)
    types, longest = "token_type_ids" in body_of(network).names, measure.predictor.manifest.max_length
    try:
        program = traced_program(plain_network(source, measure.predictor), types=types, rows=ROWS, tokens=longest)
    except SpecError as error:
        raise ArtifactError(f"{source}: {error.message} Use --format onnx.", "E-ARTIFACT") from error
    lowered = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()])
    (folder / FILE).write_bytes(lowered.to_executorch().buffer)
    _refuse_if_other(source, folder / FILE, network, longest)


def _refuse_if_other(source: Path, file: Path, network: Network, longest: int) -> None:
    """Raise ArtifactError where the program says something else than the graph for a batch of any size."""
    method = _need("executorch.runtime").Runtime.get().load_program(file).load_method("forward")
    for rows, tokens in ((1, 2), (ROWS, longest), (2, longest // 2)):
        ids = torch.arange(rows * tokens).reshape(rows, tokens) % 50 + 1
        given = dict(zip(INPUTS, (ids, torch.ones_like(ids), torch.zeros_like(ids)), strict=True))
        expected: Tensor = network.body(**given).logits
        (found,) = method.execute(tuple(given[name] for name in body_of(network).names))
        difference = float((found - expected).abs().max())
        if difference > TOLERANCE * max(1.0, float(expected.abs().max())):
            raise ArtifactError(
                f"{source}: in ExecuTorch it predicts otherwise (difference {difference:.2g}). Use --format onnx.", "E-ARTIFACT"
            )


def _need(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise SpecError('The format executorch needs the package `executorch`: pip install "leantune[executorch]".', "E-EXTRA") from None


MEMBER = write
