"""onnx: one graph in float32 for every runtime of ONNX, heads included; needs neither torch nor the base."""

from __future__ import annotations

from pathlib import Path

from leantune.artifact.formats._form import Form, Timed
from leantune.artifact.formats._graph import RUNTIME, body_of, traced
from leantune.artifact.likeness import Measure
from leantune.models.onnx_model import write_onnx

SUMMARY = "one graph in float32; predict.py needs onnxruntime and tokenizers alone"


def write(source: Path, measure: Measure, folder: Path) -> Form:
    """Write the graph.

    Raises:
        ArtifactError: E-ARTIFACT for an artifact that has no single graph.
    """
    _, network = traced(source, measure.predictor)
    write_onnx(body_of(network), folder)
    return Form(network, timed=Timed(RUNTIME, network))


MEMBER = write
