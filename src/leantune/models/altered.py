"""Altered bases: other layers than the base has, written once as a base of its own and opened like any other.

    altered(base, stacks, seed, folder)      base with these layers, in folder; plain `transformers` loads it

Only what a configuration can say is built: what stands at a place must be made like what the family builds there (first layers are not
everywhere like the others: T5 keeps its distances there, ModernBERT has one norm less). Parts of a head that the checkpoint
lacks stay lacking.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from transformers import AutoModel

from leantune.core.errors import SpecError
from leantune.core.layers import Layer, Stacks
from leantune.models.anatomy import anatomy
from leantune.models.base import Base, load_pretrained, open_base
from leantune.models.locate import Location
from leantune.models.network import Network
from leantune.models.quiet import quiet
from leantune.models.slices import made_of, shared_layers, stacks, with_layers
from leantune.models.tying import GROUPS, groups_of


def stacks_of(base: Base) -> Stacks:
    """The layers of a base as they are.

    Raises:
        SpecError: E-METHOD where they share their weights.
    """
    with torch.device("meta"):
        found = anatomy(AutoModel.from_config(base.config))
    if shared_layers(found):
        raise SpecError(
            f"{base.name}: its layers share their weights, so none can be moved. Choose another base or leave the layers.", "E-METHOD"
        )
    groups: Sequence[int | None] = groups_of(base.config) or [None] * len(found.blocks)
    return tuple(tuple(Layer(number, group=groups[number]) for number in numbers) for numbers in stacks(found).values())


def altered(base: Base, wanted: Stacks, seed: int, folder: Path) -> Base:
    """The base with other layers; made where the folder is not there yet.

    Args:
        base: as it is.
        wanted: its layers.
        seed: of those that are drawn.
        folder: named by all that the result depends on.

    Raises:
        SpecError: E-METHOD for a layer that the family does not build at such a place.
    """
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _write(base, wanted, seed, part)
        part.rename(folder)
    found = open_base(str(folder), pooling=base.pooling, max_length=base.max_length)
    return replace(found, location=Location(base.name, str(folder), local=True))


def _write(base: Base, wanted: Stacks, seed: int, folder: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        body, lacking = _loaded(base)
        body = _arranged(body, wanted, seed)
    state = {name: value for name, value in body.state_dict().items() if name not in lacking}
    with quiet():
        body.save_pretrained(folder, **({"state_dict": state} if lacking else {}))  # type: ignore[operator]
        base.tokenizer.save_pretrained(folder)


def _loaded(base: Base) -> tuple[nn.Module, set[str]]:
    """The whole checkpoint in the class that it was saved by, and the parameters that are not in it."""
    names = getattr(base.config, "architectures", None) or [""]
    loader = getattr(transformers, names[0], AutoModel)
    body, info = load_pretrained(loader, base.location, dtype=torch.float32, output_loading_info=True)
    return body, set(info["missing_keys"])


def _arranged(body: Any, wanted: Stacks, seed: int) -> nn.Module:
    network = Network(body, None, "stock", anatomy(body))
    found = stacks(network.anatomy)
    order = {stack: [layer.source for layer in layers] for stack, layers in zip(found, wanted, strict=True)}
    _refuse_strangers(network, order, found)
    network = with_layers(network, order)
    fresh = [place for place, layer in enumerate(layer for layers in wanted for layer in layers) if layer.fresh]
    if fresh:
        torch.manual_seed(seed)
        drawn = network.anatomy.skeleton()
        for path in (network.anatomy.blocks[place] for place in fresh):
            network.body.get_submodule(path).load_state_dict(drawn.get_submodule(path).state_dict())
    _group(network, [layer.group for layers in wanted for layer in layers])
    return network.body


def _group(network: Network, groups: list[int | None]) -> None:
    """Layers of a group get the weights of its first one, and the configuration says who belongs together.

    Raises:
        SpecError: E-METHOD where layers of a group have to be told apart.
    """
    config: Any = network.body.config
    if not any(groups.count(group) > 1 for group in groups if group is not None):
        if groups_of(config) is not None:
            setattr(config, GROUPS, None)
        return
    found = network.anatomy
    if found.causal or len(stacks(found)) > 1:
        raise SpecError(
            "share: a decoder keeps the keys and values of each layer apart, so its layers stay apart too. Leave it out.", "E-METHOD"
        )
    numbers = [group if group is not None else len(groups) + place for place, group in enumerate(groups)]
    firsts = [numbers.index(number) for number in numbers]
    kinds = {
        name: value for name, value in config.to_dict().items() if "layer" in name and isinstance(value, list) and len(value) == len(groups)
    }
    blocks = [network.body.get_submodule(path) for path in found.blocks]
    for place, first in enumerate(firsts):
        other = [name for name, value in kinds.items() if value[place] != value[first]]
        if other or made_of(blocks[place]) != made_of(blocks[first]):
            raise SpecError(
                f"share: layer {place} of {found.architecture} is of another kind than layer {first}, so they cannot be one. "
                "Leave it out, or take another base.",
                "E-METHOD",
            )
        blocks[place].load_state_dict(blocks[first].state_dict())
    setattr(config, GROUPS, numbers)


def _refuse_strangers(network: Network, order: dict[str, list[int]], found: dict[str, list[int]]) -> None:
    """Raise SpecError where a layer would stand at a place for which the family makes another one."""
    for stack, numbers in found.items():
        made = {number: made_of(network.body.get_submodule(network.anatomy.blocks[number])) for number in numbers}
        for place, source in enumerate(order[stack]):
            usual = numbers[min(place, len(numbers) - 1)]
            if made[source] != made[usual]:
                raise SpecError(
                    f"Layer {source} of {network.anatomy.architecture} cannot stand at place {place}: the family makes another kind of "
                    f"layer there. Leave layer {usual} where it is.",
                    "E-METHOD",
                )
