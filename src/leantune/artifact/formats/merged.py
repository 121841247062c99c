"""merged: a plain model folder without an adapter, the update folded into the weights; the base is not needed any more.

stock head     AutoModelForSequenceClassification.from_pretrained(folder)
pooled head    SentenceTransformer(folder), and AutoModel.from_pretrained(folder) for the encoder
"""

from __future__ import annotations

from pathlib import Path

from leantune.artifact.likeness import Measure
from leantune.artifact.predictor import load
from leantune.core.errors import ArtifactError
from leantune.models.delta import is_plain, write_whole

SUMMARY = "a plain transformers or sentence-transformers folder; needs no base and no peft"


def write(source: Path, measure: Measure, folder: Path) -> None:
    """Write the weights of the merged model.

    Raises:
        ArtifactError: E-ARTIFACT for a method that cannot be folded in.
    """
    network = load(source, device="cpu", merge=True).network
    if not is_plain(network):
        method = measure.predictor.manifest.facts.method
        raise ArtifactError(f"{source}: {method} cannot be folded into the weights. Use --format peft.", "E-ARTIFACT")
    write_whole(network, measure.predictor.base, folder)


MEMBER = write
