"""openvino: the graph, and beside it the files that OpenVINO reads on Intel's CPUs, GPUs and NPUs, checked on the CPU.

core.compile_model("path/to/this/folder/openvino_model.xml", "CPU")
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.artifact.formats._form import Form, Timed
from leantune.artifact.formats._graph import body_of, instead, refuse_other, traced
from leantune.artifact.integrity import OPENVINO
from leantune.artifact.likeness import Measure
from leantune.core.errors import SpecError
from leantune.models.onnx_model import FILES, write_onnx
from leantune.models.runtime_body import RuntimeBody

if TYPE_CHECKING:
    from transformers import PretrainedConfig

SUMMARY = "the graph and OpenVINO's files, for Intel's CPUs, GPUs and NPUs"
FILE = Path(OPENVINO).with_suffix(".xml").name
_SHAPES = ((1, 2), (3, 11), (4, 19))


def write(source: Path, measure: Measure, folder: Path) -> Form:
    """Write the graph and convert it.

    Raises:
        SpecError: E-EXTRA without the package.
        ArtifactError: E-ARTIFACT when OpenVINO says something else than the graph.
    """
    try:
        openvino = importlib.import_module("openvino")
    except ImportError:
        raise SpecError('The format openvino needs the package `openvino`: pip install "leantune[openvino]".', "E-EXTRA") from None
    _, network = traced(source, measure.predictor)
    graph = body_of(network)
    write_onnx(graph, folder)
    core = openvino.Core()
    # Not `convert_model`, which reports to its maker that it was called.
    openvino.save_model(core.read_model(folder / FILES[0]), folder / FILE, compress_to_fp16=False)
    body = _Compiled(core, folder / FILE, graph.names, graph.config)
    refuse_other(body, graph, _SHAPES, FILE)
    compiled = instead(body, network)
    return Form(network, beside={FILE: compiled}, timed=Timed("OpenVINO", compiled))


class _Compiled(RuntimeBody):
    """The files, run on the CPU in float32 with as many threads as torch has."""

    def __init__(self, core: Any, file: Path, names: list[str], config: PretrainedConfig) -> None:
        super().__init__(names, config)
        options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        self.program = core.compile_model(file, "CPU", options)
        self.weight_bytes = file.stat().st_size + file.with_name(OPENVINO).stat().st_size

    def run(self, given: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Logits."""
        return np.array(self.program(given)[0])  # a copy: the next call writes into the same memory


MEMBER = write
