"""Matching: how far a student's body is from its teacher's inside, on the same tokens.

    hidden       mean over layers and tokens of  1 - cos(W h_s, h_t)       layer i of M beside layer ceil((i + 1) N / M) - 1 of N
    attention    mean over layers, heads and pairs of tokens of  (a_s - a_t)^2              a = q k / sqrt(d), before positions and softmax
    relations    mean over x in q, k, v of the last layer, heads and tokens of  KL(softmax(x_t x_t') || softmax(x_s x_s'))

W is a linear map that is trained with the student and not kept, one for all layers; there is none where both are as wide.
Relations are taken on 48 heads, or as many of those as divide both widths, so that the bodies may differ in width and in heads.

References: Sun et al. 2019, arXiv:1908.09355 (directions of states); Jiao et al. 2020, arXiv:1909.10351 (attention scores); Wang et al.
2021, arXiv:2012.15828 (relations).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, kl_div

from leantune.models.anatomy import Anatomy
from leantune.models.network import Network
from leantune.models.plain import plain
from leantune.models.slices import stacks

RELATION_HEADS = 48
_MAPS = ("query", "key", "value")


@dataclass
class Seen:
    """What went through a body in a forward pass."""

    states: dict[int, Tensor] = field(default_factory=dict)
    """(B, T, D) behind each layer."""
    maps: dict[tuple[int, str], Tensor] = field(default_factory=dict)
    """(B, T, W) queries, keys and values of each layer."""


def unmatched(student: Anatomy, teacher: Anatomy, kinds: Sequence[str]) -> str | None:
    """Why bodies cannot be compared inside, in one line; None where they can."""
    if any(len(stacks(found)) > 1 for found in (student, teacher)):
        return "the layers of an encoder-decoder are on two sides; use match=logits"
    if "attention" in kinds and student.attention_heads != teacher.attention_heads:
        return f"it has {student.attention_heads} heads and the teacher {teacher.attention_heads}; use match=[logits, relations]"
    if set(kinds) & {"attention", "relations"} and not all(map(_has_maps, (student, teacher))):
        return "queries, keys and values were not found in every layer; use match=[logits, hidden]"
    return None


def _has_maps(found: Anatomy) -> bool:
    return all(_sites(found, layer) for layer in range(len(found.blocks)))


def _sites(found: Anatomy, layer: int) -> dict[str, str]:
    """Paths of the maps to queries, keys and values of a layer; one path for all three where they are one map."""
    sites = [site for site in found.sites if site.layer == layer]
    fused = [site for site in sites if site.kind == "qkv"]
    if fused:
        return dict.fromkeys(_MAPS, fused[0].path) if fused[0].outputs == 3 * found.hidden else {}
    named = {site.kind: site.path for site in sites if site.kind in _MAPS}
    return {str(kind): path for kind, path in named.items()} if len(named) == len(_MAPS) else {}


@contextmanager
def watched(network: Network) -> Iterator[Seen]:
    """What goes through a body while the block lasts."""
    body, found, seen = plain(network.body), network.anatomy, Seen()
    with ExitStack() as stack:
        for layer, path in enumerate(found.blocks):
            stack.callback(body.get_submodule(path).register_forward_hook(partial(_keep_state, seen, layer)).remove)
            sites = _sites(found, layer)
            for place in set(sites.values()):
                kinds = [kind for kind in _MAPS if sites[kind] == place]
                stack.callback(body.get_submodule(place).register_forward_hook(partial(_keep_maps, seen, layer, kinds)).remove)
        yield seen


def _keep_state(seen: Seen, layer: int, part: nn.Module, inputs: Any, output: Any) -> None:
    del part, inputs
    seen.states[layer] = output[0] if isinstance(output, tuple) else output


def _keep_maps(seen: Seen, layer: int, kinds: Sequence[str], part: nn.Module, inputs: Any, output: Tensor) -> None:
    del part, inputs
    for kind, value in zip(kinds, output.chunk(len(kinds), dim=-1), strict=True):
        seen.maps[layer, kind] = value


def layer_map(student: int, teacher: int) -> list[int]:
    """The layer of the teacher beside each layer of the student; the last beside the last.

    >>> layer_map(3, 6)
    [1, 3, 5]
    """
    return [math.ceil((layer + 1) * teacher / student) - 1 for layer in range(student)]


def state_map(kinds: Sequence[str], student: Anatomy, teacher: Anatomy, seed: int) -> nn.Linear | None:
    """The map of the states of a student to those of a teacher of another width; None where none is needed."""
    if "hidden" not in kinds or student.hidden == teacher.hidden:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = nn.Linear(student.hidden, teacher.hidden, bias=False)
        nn.init.orthogonal_(found.weight)
    return found


def mismatch(
    kinds: Sequence[str], student: tuple[Seen, Anatomy], teacher: tuple[Seen, Anatomy], mask: Tensor, to_teacher: nn.Linear | None = None
) -> Tensor:
    """The sum of what is asked for.

    Args:
        kinds: hidden, attention, relations.
        student: what went through it, and where things are in it.
        teacher: the same of the teacher.
        mask: (B, T), 1 where a token stands.
        to_teacher: from the states of the student to the width of the teacher's.
    """
    (own, body), (other, taught) = student, teacher
    real, total = mask.bool(), torch.zeros((), device=mask.device)
    beside = list(enumerate(layer_map(len(body.blocks), len(taught.blocks))))
    if "hidden" in kinds:
        lifted = [own.states[one].float() if to_teacher is None else to_teacher(own.states[one].float()) for one, _ in beside]
        pairs_of = zip(lifted, beside, strict=True)
        apart = [1 - cosine_similarity(state, other.states[two].float(), dim=-1)[real].mean() for state, (_, two) in pairs_of]
        total = total + torch.stack(apart).mean()
    if "attention" in kinds:
        pairs = _pairs(real, causal=body.causal)
        apart = [((_scores(own, one, body) - _scores(other, two, taught)) ** 2).mean(dim=1)[pairs].mean() for one, two in beside]
        total = total + torch.stack(apart).mean()
    if "relations" in kinds:
        one, two = beside[-1]
        apart = [_relation_gap(own.maps[one, kind], other.maps[two, kind], real) for kind in _MAPS]
        total = total + torch.stack(apart).mean()
    return total


def _pairs(real: Tensor, *, causal: bool) -> Tensor:
    """(B, T, T) the pairs of tokens of which the first sees the second."""
    pairs = real.unsqueeze(2) & real.unsqueeze(1)
    return pairs.tril() if causal else pairs


def _scores(seen: Seen, layer: int, found: Anatomy) -> Tensor:
    """(B, H, T, T) of each head."""
    size = seen.maps[layer, "query"].shape[-1] // found.attention_heads
    query, key = (_of_heads(seen.maps[layer, kind], size) for kind in ("query", "key"))
    key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    scores: Tensor = query @ key.transpose(-1, -2) / math.sqrt(size)
    return scores


def _of_heads(values: Tensor, size: int) -> Tensor:
    """(B, H, T, size) of (B, T, H * size)."""
    return values.float().reshape(*values.shape[:2], -1, size).transpose(1, 2)


def _relation_gap(student: Tensor, teacher: Tensor, real: Tensor) -> Tensor:
    heads = math.gcd(student.shape[-1], teacher.shape[-1], RELATION_HEADS)
    ours, theirs = (_relations(value, heads, real) for value in (student, teacher))
    gap = kl_div(ours, theirs, reduction="none", log_target=True)
    gap = gap.masked_fill(~real[:, None, None, :], 0.0).sum(dim=-1)  # over the tokens that are looked at
    return gap.mean(dim=1)[real].mean()


def _relations(values: Tensor, heads: int, real: Tensor) -> Tensor:
    """(B, heads, T, T) logarithms of how much each token has to do with each other one."""
    parts = _of_heads(values, values.shape[-1] // heads)
    scores: Tensor = parts @ parts.transpose(-1, -2) / math.sqrt(parts.shape[-1])
    return scores.masked_fill(~real[:, None, None, :], -1e9).log_softmax(dim=-1)
