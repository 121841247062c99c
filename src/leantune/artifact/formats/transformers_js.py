"""transformers-js: the folder that transformers.js reads in a browser: graphs in float32 and in 8 bits under onnx/.

const classify = await pipeline("text-classification", "path/to/this/folder")          dtype q8 is its default in browsers
"""

from __future__ import annotations

from pathlib import Path

from leantune.artifact.formats._form import Form
from leantune.artifact.formats._graph import body_of, instead, traced
from leantune.artifact.formats._int8 import smallest
from leantune.artifact.likeness import Measure
from leantune.models.onnx_model import FILES, read_onnx, write_onnx

SUMMARY = "the folder that transformers.js reads in a browser"


def write(source: Path, measure: Measure, folder: Path) -> Form:
    """Write both graphs; the small one is what leantune reads from now on, the other one must say what the artifact says.

    Raises:
        ArtifactError: E-ARTIFACT when no 8-bit graph is good enough.
    """
    model, network = traced(source, measure.predictor)
    small, found = smallest(model, network, measure)
    write_onnx(body_of(small), folder, FILES[1])
    write_onnx(body_of(network), folder, FILES[2])
    whole = read_onnx(folder / FILES[2], body_of(network).config)
    return Form(small, found, beside={FILES[2]: instead(whole, network)})


MEMBER = write
