"""Slices: whole layers and feed-forward neurons taken out of a body, which stays an ordinary model of its family.

    without_layers(network, [4, 5])             fewer layers
    with_neurons(network, kept)                 narrower feed-forward blocks, as many neurons in every layer
    neuron_scores, head_scores                  |sum over tokens of a * dL/da|, mean over batches (first-order Taylor)
    layer_scores                                |sum over tokens of (y - x) * dL/dy|: the gate of what a layer adds to its input

Only what a configuration can say is cut: `save_pretrained` and `from_pretrained` give the same model back.

References: Molchanov et al. 2017, arXiv:1611.06440; Michel et al. 2019, arXiv:1905.10650; Kim et al. 2024, arXiv:2402.02834 (layers).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from leantune.models.anatomy import Anatomy, Site, anatomy, linear_shape
from leantune.models.heads import is_transducer
from leantune.models.network import Batch, Network

Loss = Callable[[Network, Batch], Tensor]
_WIDTHS = ("intermediate_size", "hidden_dim", "n_inner", "d_ff", "encoder_ffn_dim", "decoder_ffn_dim", "ffn_dim")
"""What configurations call the number of neurons of a feed-forward block."""
_DEPTHS = {
    "encoder": ("encoder_layers", "num_layers", "num_hidden_layers"),
    "decoder": ("decoder_layers", "num_decoder_layers"),
}
"""And the number of layers of each side of an encoder-decoder."""


def rebuilt(network: Network) -> Network:
    """The same network with the anatomy that its body has now."""
    old = network.anatomy
    found = anatomy(network.body, old.heads, anchored=old.answers and not old.vocabulary)
    fresh = Network(network.body, network.head, network.pooling, found, network.verbalizer, unit=network.unit)
    fresh.soft = network.soft
    return fresh


def shared_layers(found: Anatomy) -> bool:
    """Whether several layers are one and the same module."""
    return found.layers_run > len(found.blocks)


def immovable(found: Anatomy) -> str | None:
    """Why no layer can be taken out, in one line; None where some can."""
    return "its layers share their weights, so none can be taken out" if shared_layers(found) else None


def removable(network: Network) -> list[int]:
    """Layers that can be taken out: one of each stack must stay, and those behind must be made like those before, which first layers
    are not everywhere (T5 keeps its distances there, ModernBERT has one norm less).
    """
    found = []
    for numbers in stacks(network.anatomy).values():
        made = [made_of(network.body.get_submodule(network.anatomy.blocks[number])) for number in numbers]
        if len(numbers) > 1:
            found += [number for place, number in enumerate(numbers) if made[:place] + made[place + 1 :] == made[:-1]]
    return found


def made_of(block: nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes of its weights."""
    return {name: tuple(value.shape) for name, value in block.state_dict().items()}


def without_layers(network: Network, layers: Iterable[int]) -> Network:
    """Take layers out, numbered from 0 in the order of the forward pass (of an encoder-decoder the encoder's first)."""
    gone = set(layers)
    left = {stack: [number for number in numbers if number not in gone] for stack, numbers in stacks(network.anatomy).items()}
    return with_layers(network, left)


def with_layers(network: Network, order: Mapping[str, Sequence[int]]) -> Network:
    """Put the layers of each list in another order, some of them left out or copied; `order` has their numbers by the path of the list."""
    body = network.body
    for stack, numbers in stacks(network.anatomy).items():
        kept = order[stack]
        blocks = [body.get_submodule(network.anatomy.blocks[number]) for number in kept]
        blocks = [
            copy.deepcopy(block) if number in kept[:place] else block
            for place, (number, block) in enumerate(zip(kept, blocks, strict=True))
        ]
        _renumber(blocks)
        body.set_submodule(stack, nn.ModuleList(blocks))
        _say_depth(body.config, stack, numbers, kept)
    return rebuilt(network)


def stacks(found: Anatomy) -> dict[str, list[int]]:
    """The numbers of the layers of each list of layers, by its path."""
    lists: dict[str, list[int]] = {}
    for number, path in enumerate(found.blocks):
        lists.setdefault(path.rpartition(".")[0], []).append(number)
    return lists


def _renumber(blocks: Sequence[nn.Module]) -> None:
    """Decoders keep the keys and values of a layer under its number."""
    for number, block in enumerate(blocks):
        for part in block.modules():
            if isinstance(getattr(part, "layer_idx", None), int):
                part.layer_idx = number  # type: ignore[assignment]


def _say_depth(config: Any, stack: str, numbers: Sequence[int], kept: Sequence[int]) -> None:
    """The number of layers, and every list with an entry for each of them."""
    names: tuple[str, ...] = ("num_hidden_layers",)
    if is_transducer(config):
        side = "decoder" if "decoder" in stack.split(".") else "encoder"
        names = tuple(name for name in _DEPTHS[side] if hasattr(config, name))
    setattr(config, names[0], len(kept))
    places = {number: place for place, number in enumerate(numbers)}
    for name, value in config.to_dict().items():
        if isinstance(value, list) and len(value) == len(numbers) and "layer" in name:
            setattr(config, name, [value[places[number]] for number in kept])


def feed_forward(found: Anatomy) -> list[tuple[list[Site], Site]]:
    """Of each layer the maps into its feed-forward block (two where it is gated) and the map out of it."""
    pairs = []
    for layer in range(len(found.blocks)):
        inner = [site for site in found.sites if site.layer == layer and site.kind == "ffn_in"]
        outer = [site for site in found.sites if site.layer == layer and site.kind == "ffn_out"]
        if len(outer) == 1 and inner:
            pairs.append((inner, outer[0]))
    return pairs


def neurons(found: Anatomy) -> int:
    """Neurons of a feed-forward block; 0 where blocks differ or none is found, so that no configuration could say how many are left."""
    widths = {outer.inputs for _, outer in feed_forward(found)}
    return widths.pop() if len(widths) == 1 and len(feed_forward(found)) == len(found.blocks) else 0


def with_neurons(network: Network, kept: Sequence[Tensor]) -> Network:
    """Keep some neurons of each feed-forward block: their numbers, as many in every layer, in the order of the layers."""
    body, width = network.body, neurons(network.anatomy)
    for (inner, outer), chosen in zip(feed_forward(network.anatomy), kept, strict=True):
        for site in inner:
            halves = site.outputs // width  # a gate and its values may be one map
            rows = torch.cat([chosen + width * half for half in range(halves)])
            body.set_submodule(site.path, outputs_of(body.get_submodule(site.path), rows))
        body.set_submodule(outer.path, inputs_of(body.get_submodule(outer.path), chosen))
    config: Any = body.config
    known = config.to_dict()
    named = [name for name in _WIDTHS if known.get(name) == width] or [name for name in _WIDTHS if name in known and known[name] is None]
    for name in named:
        setattr(config, name, len(kept[0]))
    return rebuilt(network)


def outputs_of(part: nn.Module, rows: Tensor) -> nn.Module:
    """A linear map with some of its outputs."""
    return _linear(part, as_linear(part)[rows], None if part.bias is None else part.bias[rows])  # type: ignore[index]


def inputs_of(part: nn.Module, columns: Tensor) -> nn.Module:
    """A linear map that reads some of its inputs."""
    return _linear(part, as_linear(part)[:, columns], part.bias)  # type: ignore[arg-type]


def as_linear(part: nn.Module) -> Tensor:
    """The weight (outputs, inputs); a Conv1D keeps its own transposed."""
    weight: Tensor = part.weight  # type: ignore[assignment]
    return weight.T if isinstance(part, Conv1D) else weight


def _linear(like: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """A map of the same class with these values."""
    outputs, inputs = weight.shape
    with torch.device("meta"):
        fresh = Conv1D(outputs, inputs) if isinstance(like, Conv1D) else nn.Linear(inputs, outputs, bias=bias is not None)
    kept = weight.T if isinstance(like, Conv1D) else weight
    fresh.weight = nn.Parameter(kept.detach().clone().contiguous())
    fresh.bias = None if bias is None else nn.Parameter(bias.detach().clone())
    assert linear_shape(fresh) == (inputs, outputs)
    return fresh


def neuron_scores(network: Network, batches: Iterable[Batch], loss: Loss) -> list[Tensor]:
    """How much the loss would change without each neuron, to first order: (neurons,) for each layer."""
    return unit_scores(network, [(outer.path, 1) for _, outer in feed_forward(network.anatomy)], batches, loss)


def head_scores(network: Network, batches: Iterable[Batch], loss: Loss) -> list[Tensor]:
    """The same of the attention heads: (heads,) for each attention, in the order of the layers."""
    return unit_scores(network, [(site.path, size) for site, size in attention_outputs(network.anatomy)], batches, loss)


def attention_outputs(found: Anatomy) -> list[tuple[Site, int]]:
    """The maps that read the heads of each attention, and the width of a head."""
    return [(site, site.inputs // found.attention_heads) for site in found.sites if site.kind == "attention_out"]


def unit_scores(network: Network, units: Sequence[tuple[str, int]], batches: Iterable[Batch], loss: Loss) -> list[Tensor]:
    """|sum over tokens and the inputs of a unit of a * dL/da|, mean over batches.

    Args:
        network: whose gradients are used and cleared.
        units: paths of linear maps, and how many of their inputs make a unit.
        batches: training rows.
        loss: of the network on a batch.
    """
    sizes = dict(units)

    def products(state: Tensor, size: int) -> Tensor:
        return (state * _gradient(state)).detach().flatten(0, -2).sum(dim=0).view(-1, size).sum(dim=1)

    with _watched(network.body, list(sizes)) as seen:
        return _first_order(network, batches, loss, lambda: [products(seen[path], size) for path, size in units])


def layer_scores(network: Network, batches: Iterable[Batch], loss: Loss) -> Tensor:
    """How much the loss would change without each layer, to first order: (layers,).

    A layer makes y out of x. With a gate, x + g (y - x), it is there at g = 1 and gone at g = 0; dL/dg at g = 1 is the sum of
    (y - x) * dL/dy.
    The arguments are those of `unit_scores`.
    """
    blocks = network.anatomy.blocks
    with _passed(network.body, blocks) as seen:
        return torch.stack(
            _first_order(
                network, batches, loss, lambda: [((seen[path][1] - seen[path][0]) * _gradient(seen[path][1])).sum() for path in blocks]
            )
        )


def _gradient(state: Tensor) -> Tensor:
    """Zero where the loss does not reach it."""
    return torch.zeros_like(state) if state.grad is None else state.grad


def _first_order(network: Network, batches: Iterable[Batch], loss: Loss, products: Callable[[], list[Tensor]]) -> list[Tensor]:
    """|products|, read after each gradient, mean over batches."""
    totals: list[Tensor] = []
    count = 0
    network.eval().requires_grad_(True)
    for batch in batches:
        count += 1
        loss(network, batch).backward()  # type: ignore[no-untyped-call]
        found = [product.detach().abs().cpu() for product in products()]
        totals = [total + more for total, more in zip(totals, found, strict=True)] if totals else found
    network.zero_grad(set_to_none=True)
    return [total / count for total in totals]


@contextmanager
def _watched(body: nn.Module, paths: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """What these parts read, with its gradient, while the block lasts."""
    seen: dict[str, Tensor] = {}

    def watch(path: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            del part
            inputs[0].retain_grad()
            seen[path] = inputs[0]

        return hook

    with ExitStack() as stack:
        for path in paths:
            stack.callback(body.get_submodule(path).register_forward_pre_hook(watch(path)).remove)
        yield seen


@contextmanager
def _passed(body: nn.Module, paths: Sequence[str]) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """The states that each of these layers read, and those that it made, with their gradient, while the block lasts."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def watch(path: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        def hook(part: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], made: Any) -> None:
            del part
            before, after = inputs[0] if inputs else named["hidden_states"], made[0] if isinstance(made, tuple) else made
            after.retain_grad()
            seen[path] = before.detach(), after

        return hook

    with ExitStack() as stack:
        for path in paths:
            stack.callback(body.get_submodule(path).register_forward_hook(watch(path), with_kwargs=True).remove)
        yield seen
