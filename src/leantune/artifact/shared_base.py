"""The base that artifacts were tuned from, opened again: arithmetic, ties and dare take their differences to its weights.

    base_state(["a/best", "b/best"], members, "ties")  ->  {"body.bert.embeddings...": Tensor, ...}      heads left out

An adapter stands on that base anyway. A whole model only names it, so it must be there still, and must be what the weights began as.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from leantune.artifact.manifest import BaseFacts, Manifest
from leantune.artifact.predictor import Predictor, find_origin
from leantune.core.errors import ArtifactError
from leantune.kinds.method import parse_method
from leantune.kinds.structure import is_of_the_run
from leantune.models.base import Base
from leantune.models.build import build_network
from leantune.models.merging import State
from leantune.models.network import Network


def base_state(names: Sequence[str], members: Sequence[Predictor], how: str) -> State:
    """Weights of the base as the networks of the artifacts name them, without those that are new for the task (heads).

    Args:
        names: folders of the artifacts.
        members: the artifacts; they go together.
        how: the rule that needs the base, for messages.

    Raises:
        ArtifactError: E-ARTIFACT where the base is gone or has other weights, or where the weights of an artifact did not begin as its.
    """
    for name, member in zip(names, members, strict=True):
        if change := _restructured(member.manifest):
            raise ArtifactError(
                f"{name}: {change}, so its weights have no differences to those of {member.manifest.base.name}, which {how} merges. "
                "Use --how soup, or train it without that.",
                "E-ARTIFACT",
            )
    built = _as_it_was(_opened(names[0], members[0], how), members[0])
    _refuse_other_shapes(names[0], members[0], built, how)
    heads = tuple(f"{head}." for head in built.anatomy.heads)
    return {f"body.{name}": value for name, value in built.body.state_dict().items() if not name.startswith(heads)}


def other_base(own: BaseFacts, its: BaseFacts) -> str | None:
    """How the recorded base of an artifact differs from that of another one; hashes tell where both have one, else names."""
    if None not in (own.weights_digest, its.weights_digest):
        same = own.weights_digest == its.weights_digest
    else:
        same = (own.name, own.revision) == (its.name, its.revision)
    if same:
        return None
    return f"its base is {its.name} and not {own.name}" if own.name != its.name else f"its base {its.name} had other weights"


def _restructured(manifest: Manifest) -> str | None:
    """What made the weights of a whole model begin or end as something else than the base that it names; None where nothing did."""
    if manifest.form != "whole":
        return None
    parsed = parse_method(manifest.facts.method)
    if is_of_the_run(parsed.structures):
        return f"{' | '.join(link for link, _ in parsed.structures)} changed the layers of its base before the training"
    changed = [link for link, compressor in parsed.compressors if compressor.restructures]
    return f"{' | '.join(changed)} changed its structure after the training" if changed else None


def _opened(name: str, member: Predictor, how: str) -> Base:
    try:
        return find_origin(Path(name), member.manifest)
    except ArtifactError as error:
        raise ArtifactError(f"{error.message} {how} needs it; --how soup does not.", error.code) from error


def _as_it_was(base: Base, member: Predictor) -> Network:
    """The base with a head as the artifact has one."""
    spec = member.task.head_spec(member.labels) if member.worded is None else member.worded.head
    with torch.random.fork_rng(devices=[]):
        return build_network(base, spec, seed=0, prepends=member.network.head is not None)


def _refuse_other_shapes(name: str, member: Predictor, built: Network, how: str) -> None:
    """Raise ArtifactError with the first tensor that the base does not have as the artifact has it."""
    own, its = ({key: tuple(value.shape) for key, value in network.body.state_dict().items()} for network in (member.network, built))
    for key in sorted(own.keys() | its.keys()):
        if own.get(key) != its.get(key):
            shapes = [" x ".join(map(str, shape)) if shape is not None else "missing" for shape in (own.get(key), its.get(key))]
            raise ArtifactError(
                f"{name}: {key} is {shapes[0]}, and {shapes[1]} in its base {member.manifest.base.name}, so there are no differences that "
                f"{how} could merge. Use --how soup, or artifacts that have the shape of their base.",
                "E-ARTIFACT",
            )
