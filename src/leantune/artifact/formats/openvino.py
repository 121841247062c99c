"""openvino: the graph, and beside it the files that OpenVINO reads on Intel's CPUs, GPUs and NPUs, checked on the CPU.

core.compile_model("path/to/this/folder/openvino_model.xml", "CPU")
"""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import torch

from leantune.artifact.formats._graph import body_of, traced
from leantune.artifact.likeness import Measure
from leantune.artifact.parity import TOLERANCE
from leantune.core.errors import ArtifactError, SpecError
from leantune.models.onnx_model import FILES, INPUTS, write_onnx

SUMMARY = "the graph and OpenVINO's files, for Intel's CPUs, GPUs and NPUs"
FILE = "openvino_model.xml"
_SHAPES = ((1, 2), (3, 11), (2, 19))


def write(source: Path, measure: Measure, folder: Path) -> None:
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
    write_onnx(body_of(network), folder)
    openvino.save_model(openvino.convert_model(folder / FILES[0]), folder / FILE, compress_to_fp16=False)
    compiled = openvino.Core().compile_model(folder / FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for rows, tokens in _SHAPES:
        ids = torch.arange(rows * tokens).reshape(rows, tokens) % 50 + 1
        given = dict(zip(INPUTS, (ids, torch.ones_like(ids), torch.zeros_like(ids)), strict=True))
        expected = network.body(**given).logits.numpy()
        found = compiled({name: given[name].numpy() for name in body_of(network).names})[0]
        difference = float(np.abs(found - expected).max())
        if difference > TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ArtifactError(
                f"{source}: in OpenVINO it predicts otherwise (difference {difference:.2g}). Use --format onnx.", "E-ARTIFACT"
            )


MEMBER = write
