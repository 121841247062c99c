"""What the forms that are graphs share: the adapter is folded in, the network is traced, the labels stand in the configuration."""

from __future__ import annotations

from pathlib import Path

from leantune.artifact.predictor import Predictor, load
from leantune.core.errors import ArtifactError, SpecError
from leantune.models.build import label
from leantune.models.network import Network
from leantune.models.onnx_model import OnnxBody, as_network, to_onnx


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
    return as_network(OnnxBody(model, body), network.anatomy, network.verbalizer)  # type: ignore[arg-type]


def body_of(network: Network) -> OnnxBody:
    """The graph of a network."""
    assert isinstance(network.body, OnnxBody)
    return network.body
