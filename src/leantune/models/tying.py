"""Tying: layers that are one and the same, as the configuration of a base says (`leantune_layer_groups`: the group of each place).

    tied(body)        the layers of a group are the first one of it, run at each of its places (as ALBERT's are)
    untied(body)      a body with a copy at each place, as plain `transformers` stores and loads it
    parted(body)      whether copies that should be one differ, because plain libraries trained each on for itself

Plain libraries know no ties between layers of other families, so on disk there is a copy for each place; that says the same, and a base
that is read again is tied again.
"""

from __future__ import annotations

import copy
import re
from typing import TypeVar

import torch
from torch import nn

GROUPS = "leantune_layer_groups"
"""In a configuration: the group of the layer at each place."""
ATTENTION_PART = re.compile(r"attn|attention", re.IGNORECASE)
Body = TypeVar("Body", bound=nn.Module)


def repeated(module: nn.Module, stack: str) -> list[str]:
    """Paths in the list of like modules that hold attention, the innermost where lists are nested; each module is named once."""
    best: list[str] = []
    longest = 0
    for path, part in module.get_submodule(stack).named_modules(prefix=stack):
        if isinstance(part, nn.ModuleList) and len(part) and all(map(_holds_attention, part)):
            nested = any(path.startswith(f"{block}.") for block in best)
            if nested or len(part) > longest:
                own = list(part)
                firsts = [number for number, child in enumerate(own) if not any(child is other for other in own[:number])]
                best, longest = [f"{path}.{number}" for number in firsts], len(part)
    return best


def _holds_attention(block: nn.Module) -> bool:
    return any(ATTENTION_PART.search(path.split(".")[-1]) for path, _ in block.named_modules() if path)


def groups_of(config: object) -> list[int] | None:
    """The group of the layer at each place; None where every layer is its own."""
    return getattr(config, GROUPS, None)


def parted(body: nn.Module) -> bool:
    """Whether layers that the configuration calls one and the same differ: somebody trained the copies on as they are stored."""
    groups = groups_of(body.config)
    if groups is None:
        return False
    layers = list(_layers(body))
    if len(layers) != len(groups):
        return True
    states = [layer.state_dict() for layer in layers]
    return any(
        not torch.equal(value, states[place][name])
        for place, group in enumerate(groups)
        for name, value in states[groups.index(group)].items()
    )


def tied(body: Body) -> Body:
    """The body with one layer for each group that its configuration names, changed in place; as it is where it names none."""
    groups = groups_of(body.config)
    if groups is not None:
        layers = _layers(body)
        for place, group in enumerate(groups):
            layers[place] = layers[groups.index(group)]
    return body


def untied(body: Body) -> Body:
    """A copy of a tied body with a layer of its own at each place; a body without ties, such as a graph, as it is."""
    if not copies(body):
        return body
    found = copy.deepcopy(body)
    layers = _layers(found)
    own = list(layers)
    for place, layer in enumerate(own):
        if any(layer is other for other in own[:place]):
            layers[place] = copy.deepcopy(layer)
    return found


def copies(body: nn.Module) -> list[nn.Module]:
    """The layers of a tied body at the places where plain libraries store them once more; none without ties."""
    if groups_of(getattr(body, "config", None)) is None or not repeated(body, ""):
        return []
    own = list(_layers(body))
    return [layer for place, layer in enumerate(own) if any(layer is other for other in own[:place])]


def _layers(body: nn.Module) -> nn.ModuleList:
    found: nn.ModuleList = body.get_submodule(repeated(body, "")[0].rpartition(".")[0])  # type: ignore[assignment]
    return found
