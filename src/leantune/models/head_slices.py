"""Fewer attention heads, in families whose configuration says how wide a head is, so that it can say that there are fewer.

    plans(network)                      what is left: (query heads, key and value heads), as many in every layer
    with_heads(network, plan, scores)   the best of each layer by their scores; an ordinary model of its family

The width is `head_dim`. A query head reads the keys and values of its group. Whole groups go, or as many query heads of each group.
Whether a family reads the width is not looked up but tried: a skeleton is built by the changed configuration, and every weight must have
the shape that it shall have.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn

from leantune.models.anatomy import Anatomy, Site
from leantune.models.network import Network
from leantune.models.slices import attention_outputs, inputs_of, outputs_of, rebuilt

_KINDS = ("query", "key", "value", "attention_out")
_REFUSALS = (StrictDataclassError, ValueError, TypeError, RuntimeError, AttributeError, KeyError, AssertionError)
"""What configurations and layers raise for numbers that they do not take."""


@dataclass(frozen=True)
class Plan:
    """Heads of each layer."""

    queries: int
    groups: int
    """Heads of keys and of values; as many as queries where each has its own."""

    @property
    def each(self) -> int:
        """Query heads of a group."""
        return self.queries // self.groups


def plan_of(network: Network) -> Plan:
    """What is there."""
    config: Any = network.body.config
    heads = network.anatomy.attention_heads
    return Plan(heads, getattr(config, "num_key_value_heads", None) or heads)


def plans(network: Network) -> Iterator[Plan]:
    """What could be left, most heads first; only what the family can say."""
    if _attentions(network.anatomy) is None:
        return
    now = plan_of(network)
    smaller = {Plan(each * groups, groups) for groups in range(1, now.groups + 1) for each in range(1, now.each + 1)}
    for plan in sorted(smaller - {now}, key=lambda plan: (-plan.queries, -plan.groups)):
        if _config(network, plan) is not None:
            yield plan


def retained(plan: Plan, now: Plan, scores: Sequence[Tensor]) -> float:
    """Share of the importance that is left, mean over layers."""
    return float(torch.stack([score[kept_heads(plan, now, score)[0]].sum() / score.sum().clamp(min=1e-12) for score in scores]).mean())


def kept_heads(plan: Plan, now: Plan, score: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the query heads and of the groups of a layer that stay: the best of each group, in the best groups."""
    by_group = score.view(now.groups, now.each)
    best = by_group.topk(plan.each, dim=1).indices.sort(dim=1).values
    groups = by_group.gather(1, best).sum(dim=1).topk(plan.groups).indices.sort().values
    queries = (best + torch.arange(now.groups).unsqueeze(1) * now.each)[groups].flatten()
    return queries, groups


def with_heads(network: Network, plan: Plan, scores: Sequence[Tensor]) -> Network:
    """Keep some heads of each layer.

    Args:
        network: plain; not changed.
        plan: one of `plans`.
        scores: (query heads,) of each layer.
    """
    now, config, layers = plan_of(network), _config(network, plan), _attentions(network.anatomy)
    assert config is not None
    assert layers is not None
    cut = copy.deepcopy(network.body)
    for sites, score, (_, size) in zip(layers, scores, attention_outputs(network.anatomy), strict=True):
        queries, groups = (_rows(heads, size) for heads in kept_heads(plan, now, score.cpu()))
        for site in sites:
            part = cut.get_submodule(site.path)
            rows = queries if site.kind in ("query", "attention_out") else groups
            cut.set_submodule(site.path, inputs_of(part, rows) if site.kind == "attention_out" else outputs_of(part, rows))
    network.body = _fresh(network.body, config, cut.state_dict())
    return rebuilt(network)


def _attentions(found: Anatomy) -> list[list[Site]] | None:
    """The four maps of the attention of each layer; None where there are others."""
    layers = [[site for site in found.sites if site.layer == layer and site.kind in (*_KINDS, "qkv")] for layer in range(len(found.blocks))]
    whole = all(sorted(site.kind for site in sites) == sorted(_KINDS) for sites in layers)
    return layers if layers and whole else None


def _config(network: Network, plan: Plan) -> Any:
    """A configuration that says so; None where the family has none."""
    _, size = attention_outputs(network.anatomy)[0]
    wanted = {name: tuple(value.shape) for name, value in network.body.named_parameters()}
    for sites in _attentions(network.anatomy) or []:
        for site in sites:
            width = size * (plan.queries if site.kind in ("query", "attention_out") else plan.groups)
            weight = wanted[f"{site.path}.weight"]
            wanted[f"{site.path}.weight"] = (weight[0], width) if site.kind == "attention_out" else (width, weight[1])
            if site.has_bias and site.kind != "attention_out":
                wanted[f"{site.path}.bias"] = (width,)
    config: Any = copy.deepcopy(network.body.config)
    config.head_dim, config.num_attention_heads = size, plan.queries
    if getattr(config, "num_key_value_heads", None) is not None:
        config.num_key_value_heads = plan.groups
    elif plan.groups != plan.queries:
        return None
    return config if _shapes(network.body, config) == wanted else None


def _shapes(body: nn.Module, config: Any) -> dict[str, tuple[int, ...]] | None:
    """Of the parameters that such a configuration gives; None where it is refused."""
    try:
        # As it is read from a file, where a configuration looks at its numbers.
        read = type(config).from_dict(config.to_dict())
        with torch.device("meta"):
            skeleton = type(body)._from_config(read)  # type: ignore[attr-defined]
    except _REFUSALS:
        return None
    return {name: tuple(value.shape) for name, value in skeleton.named_parameters()}


def _fresh(body: Any, config: Any, state: dict[str, Tensor]) -> nn.Module:
    """A body by that configuration with these weights: attention keeps numbers of its own from when it was made."""
    with torch.random.fork_rng(devices=[]):
        found: Any = type(body)._from_config(config, dtype=body.dtype)
    found.load_state_dict(state)
    if getattr(body, "generation_config", None) is not None:
        found.generation_config = body.generation_config
    moved: nn.Module = found.to(body.device)
    return moved


def _rows(heads: Tensor, size: int) -> Tensor:
    """Numbers of the outputs that belong to heads."""
    return (heads.unsqueeze(1) * size + torch.arange(size)).flatten()
