"""Down the ladder of 8-bit graphs without training rows: the first one that says the same well enough."""

from __future__ import annotations

from collections.abc import Callable

from leantune.artifact.formats._graph import around
from leantune.artifact.likeness import Measure
from leantune.core.errors import ArtifactError
from leantune.models.network import Network
from leantune.models.onnx_quantize import dynamic8


def smallest(model: bytes, network: Network, measure: Measure) -> tuple[Network, str]:
    """The network around the 8-bit graph, and what was found about it.

    Args:
        model: the float32 graph.
        network: around it.
        measure: the artifact.

    Raises:
        ArtifactError: E-ARTIFACT when no rung is good enough.
    """
    blocks = network.anatomy.blocks
    rungs: dict[str, Callable[[], bytes]] = {
        "per channel": lambda: dynamic8(model),
        "per channel, 7-bit weights": lambda: dynamic8(model, reduce_range=True),
        "without embeddings, first and last layer": lambda: dynamic8(model, embeddings=False, inside=blocks[1:-1] or blocks or None),
    }
    lost = []
    for name, make in rungs.items():
        small = around(make(), network)
        found = measure.of(small)
        if found.good:
            return small, f"int8, {name}: {found.sentence}"
        lost.append(f"{name}: {found.sentence}")
    told = "\n  ".join(lost)
    raise ArtifactError(
        f"In 8 bits it says something else:\n  {told}\nUse --format onnx, give --data labelled rows to judge by, or train "
        f'"{measure.predictor.manifest.facts.method} | quantize(int8, aware=200)".',
        "E-ARTIFACT",
    )
