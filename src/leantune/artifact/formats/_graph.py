"""What the forms that are graphs share: the adapter is folded in, the network is traced, the labels stand in the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from leantune.artifact.parity import TOLERANCE
from leantune.artifact.predictor import Predictor, load
from leantune.core.errors import ArtifactError, SpecError
from leantune.models.build import label
from leantune.models.network import Network
from leantune.models.onnx_model import INPUTS, OnnxBody, as_network, ragged, to_onnx
from leantune.models.runtime_body import RuntimeBody

RUNTIME = "ONNX Runtime"
_WORDS = 50
"""Numbers of tokens that every vocabulary has lie below this."""


def plain_network(source: Path, predictor: Predictor) -> Network:
    """The artifact's network with its adapter folded in.

    Raises:
        ArtifactError: E-ARTIFACT for one that has no single graph.
    """
    if predictor.task.writes:
        raise ArtifactError(f"{source}: it writes texts token by token, which one graph does not do. Use --format merged.", "E-ARTIFACT")
    return load(source, device="cpu", merge=True).network


def traced(source: Path, predictor: Predictor) -> tuple[bytes, Network]:
    """The float32 graph, and the network around it.

    Raises:
        ArtifactError: E-ARTIFACT for one that has no single graph.
    """
    network = plain_network(source, predictor)
    types = "token_type_ids" in predictor.base.tokenizer.model_input_names
    try:
        model = to_onnx(network, types=types)
    except SpecError as error:
        if error.code == "E-EXTRA":
            raise
        raise ArtifactError(f"{source}: {error.message} Use --format merged.", "E-ARTIFACT") from error
    config = network.body.config
    if predictor.worded is None or predictor.worded.head.anchored:
        label(config, predictor.task.head_spec(predictor.labels))  # type: ignore[arg-type]
    return model, around(model, network)


def around(model: bytes, network: Network) -> Network:
    """A network that runs a graph in the place of another one."""
    body = network.body.config  # type: ignore[union-attr]
    return instead(OnnxBody(model, body), network)  # type: ignore[arg-type]


def instead(body: RuntimeBody, network: Network) -> Network:
    """A network that another runtime runs."""
    return as_network(body, network.anatomy, network.verbalizer)


def refuse_other(body: RuntimeBody, graph: OnnxBody, shapes: Iterable[tuple[int, int]], file: str) -> None:
    """Compare another runtime's program with the graph for batches of several shapes, whose rows are of different lengths.

    Args:
        body: the program.
        graph: that it was made of.
        shapes: rows and tokens of the batches.
        file: the program's.

    Raises:
        ArtifactError: E-ARTIFACT where it says something else.
    """
    for rows, tokens in shapes:
        inputs = ragged(rows, tokens, words=_WORDS, pad=getattr(graph.config, "pad_token_id", None) or 0)
        given, mask = dict(zip(INPUTS, inputs, strict=True)), inputs[1].bool()
        expected, found = graph(**given).logits, body(**given).logits
        if expected.dim() > 2:  # what stands at padding is nobody's answer
            expected, found = expected[mask], found[mask]
        off = float((found - expected).abs().max())
        if not off <= TOLERANCE * max(1.0, float(expected.abs().max())):  # NaN is not
            raise ArtifactError(
                f"{file} predicts otherwise than the graph for {rows} x {tokens} tokens (difference {off:.2g}). Use --format onnx.",
                "E-ARTIFACT",
            )


def body_of(network: Network) -> OnnxBody:
    """The graph of a network."""
    assert isinstance(network.body, OnnxBody)
    return network.body
