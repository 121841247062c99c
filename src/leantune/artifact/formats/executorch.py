"""executorch: the graph, and beside it a program for Android and iOS, its products left to XNNPACK, checked by its own runtime.

Module.load("model.pte")          with the same inputs and logits as the graph, up to `ROWS` rows as long as the artifact reads
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.artifact.formats._form import Form
from leantune.artifact.formats._graph import body_of, instead, plain_network, refuse_other, traced
from leantune.artifact.likeness import Measure
from leantune.core.errors import ArtifactError, SpecError
from leantune.models.onnx_model import traced_program, write_onnx
from leantune.models.runtime_body import RuntimeBody

if TYPE_CHECKING:
    from transformers import PretrainedConfig

SUMMARY = "the graph and a program for Android and iOS"
FILE = "model.pte"
ROWS = 8
"""At a time; memory is laid out for so many when the program is made."""


def write(source: Path, measure: Measure, folder: Path) -> Form:
    """Write the graph and the program.

    Raises:
        SpecError: E-EXTRA without the package.
        ArtifactError: E-ARTIFACT where there is no such program, or where it says something else than the graph.
    """
    exir, xnnpack = _need("executorch.exir"), _need("executorch.backends.xnnpack.partition.xnnpack_partitioner")
    _, network = traced(source, measure.predictor)
    graph = body_of(network)
    write_onnx(graph, folder)
    types, longest = "token_type_ids" in graph.names, measure.predictor.manifest.max_length
    try:
        program = traced_program(plain_network(source, measure.predictor), types=types, rows=ROWS, tokens=longest)
    except SpecError as error:
        raise ArtifactError(f"{source}: {error.message} Use --format onnx.", "E-ARTIFACT") from error
    lowered = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()])
    (folder / FILE).write_bytes(lowered.to_executorch().buffer)
    body = _Program(folder / FILE, graph.names, graph.config)
    refuse_other(body, graph, ((1, 2), (ROWS, longest), (2, longest // 2)), FILE)
    return Form(network, beside={FILE: instead(body, network)})


class _Program(RuntimeBody):
    """The program, run by ExecuTorch's own runtime on the CPU."""

    def __init__(self, file: Path, names: list[str], config: PretrainedConfig) -> None:
        super().__init__(names, config)
        self.program = _need("executorch.runtime").Runtime.get().load_program(file)  # which the method lives in
        self.method = self.program.load_method("forward")

    def run(self, given: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Logits, of at most `ROWS` rows at a time."""
        rows = len(given[self.names[0]])
        return np.concatenate([self._part(given, start) for start in range(0, rows, ROWS)])

    def _part(self, given: dict[str, NDArray[np.int64]], start: int) -> NDArray[np.float32]:
        (found,) = self.method.execute(tuple(torch.from_numpy(given[name][start : start + ROWS]).contiguous() for name in self.names))
        copy: NDArray[np.float32] = found.numpy().copy()  # the next call writes into the same memory
        return copy


def _need(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise SpecError('The format executorch needs the package `executorch`: pip install "leantune[executorch]".', "E-EXTRA") from None


MEMBER = write
