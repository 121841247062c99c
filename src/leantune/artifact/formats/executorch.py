"""executorch: the graph, and beside it a program for Android and iOS, its products left to XNNPACK.

Module.load("model.pte")          with the same inputs and logits as the graph
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from leantune.artifact.formats._graph import body_of, plain_network, traced
from leantune.artifact.likeness import Measure
from leantune.core.errors import SpecError
from leantune.models.onnx_model import traced_program, write_onnx

SUMMARY = "the graph and a program for Android and iOS"
FILE = "model.pte"


def write(source: Path, measure: Measure, folder: Path) -> None:
    """Write the graph and the program.

    Raises:
        SpecError: E-EXTRA without the package.
    """
    exir, xnnpack = _need("executorch.exir"), _need("executorch.backends.xnnpack.partition.xnnpack_partitioner")
    _, network = traced(source, measure.predictor)
    write_onnx(body_of(network), folder)
    types = "token_type_ids" in body_of(network).names
    program = traced_program(plain_network(source, measure.predictor), types=types)
    lowered = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()])
    (folder / FILE).write_bytes(lowered.to_executorch().buffer)


def _need(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise SpecError('The format executorch needs the package `executorch`: pip install "leantune[executorch]".', "E-EXTRA") from None


MEMBER = write
