"""Trunk: the layers below the lowest one that training changes. What they make of a row is the same in every step, trial and pass.

    trunk = trunk_of(network, names)             None where the lowest layer is trained already, or something below it
    with trunk.tapped() as seen: body(...)       seen[-1]: what the trunk hands on (B, T, D)
    trunk.below(lambda: body(...))               the same, and nothing above it is computed
    with trunk.recalled(states): body(...)       the trunk is skipped, the layers above it read `states`

The layers stay where they are; for the time of a call their `forward` is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from torch import Tensor, nn

from leantune.models.heads import is_transducer
from leantune.models.network import Network


class _Enough(Exception):
    """Ends a forward pass."""


class Trunk:
    """Layers whose output never changes, lowest first."""

    def __init__(self, layers: Sequence[nn.Module], of: int) -> None:
        """`of`: layers of the whole body."""
        self.layers, self.of = tuple(layers), of
        self._beside = 0  # what a layer returns beside its states, as the tapped call saw it; -1 where it returns them alone

    @contextmanager
    def tapped(self) -> Iterator[list[Tensor]]:
        """What the last of them gives at each call."""
        seen: list[Tensor] = []

        def note(layer: nn.Module, given: Any, found: Any) -> None:
            del layer, given
            self._beside = -1 if isinstance(found, Tensor) else len(found) - 1
            seen.append(found if isinstance(found, Tensor) else found[0])

        handle = self.layers[-1].register_forward_hook(note)
        try:
            yield seen
        finally:
            handle.remove()

    def below(self, call: Callable[[], object]) -> Tensor:
        """What the last of them gives in a call (B, T, D), which ends there."""

        def end(layer: nn.Module, given: Any, found: Any) -> None:
            del layer, given, found
            raise _Enough

        with self.tapped() as seen:  # its hook is called first
            handle = self.layers[-1].register_forward_hook(end)
            try:
                with suppress(_Enough):
                    call()
            finally:
                handle.remove()
        return seen[-1]

    @contextmanager
    def recalled(self, states: Tensor) -> Iterator[None]:
        """Calls of the body read these states (B, T, D)."""

        def hand_on(hidden_states: Any, *others: Any, **more: Any) -> Any:
            del hidden_states, others, more
            return states if self._beside < 0 else (states, *[None] * self._beside)

        for layer in self.layers:
            layer.forward = hand_on  # type: ignore[method-assign]
        try:
            yield
        finally:
            for layer in self.layers:
                del layer.forward


def trunk_of(network: Network, trained: dict[str, nn.Parameter]) -> Trunk | None:
    """The trunk of a network in which some parameters are trained; None where nothing can be skipped."""
    layers = layers_of(network)
    if layers is None or network.soft is not None:
        return None
    learning = {id(one) for one in trained.values()}
    first = next((place for place, layer in enumerate(layers) if learning & _ids(layer)), len(layers))
    above = {one for layer in layers[first:] for one in _ids(layer)} | _ids_behind(network)
    return Trunk(layers[:first], len(layers)) if first and learning <= above and not _drops(network, layers[first:]) else None


def layers_of(network: Network) -> list[nn.Module] | None:
    """The repeated layers of a body with one stack of them, in the order of the forward pass."""
    body: Any = network.body
    if is_transducer(body.config) or len(network.anatomy.blocks) != network.anatomy.layers_run:
        return None
    found = [module_at(body, path) for path in network.anatomy.blocks]
    return None if None in found else found  # type: ignore[return-value]


def module_at(body: nn.Module, path: str) -> nn.Module | None:
    """The module that stood at a path before a method was put around the body."""
    return next((part for name, part in body.named_modules() if name == path or name.endswith(f".{path}")), None)


def _ids_behind(network: Network) -> set[int]:
    """Parameters of what reads the states of the last layer: heads and final norms."""
    parts = [module_at(network.body, path) for path in (*network.anatomy.heads, *network.anatomy.final_norms)]
    outer = [network.head] if network.head is not None else []
    return {one for part in (*parts, *outer) if part is not None for one in _ids(part)}


def _ids(module: nn.Module) -> set[int]:
    return {id(one) for one in module.parameters()}


def drops(module: nn.Module, but: Collection[int] = ()) -> bool:
    """Whether a part of a module drops at random; those with the ids in `but` are left out."""
    return any(isinstance(part, nn.Dropout) and part.p > 0 and id(part) not in but for part in module.modules())


def _drops(network: Network, above: Sequence[nn.Module]) -> bool:
    """Whether anything is dropped at random but in the layers `above` and beside the heads."""
    later = {id(part) for layer in above for part in layer.modules()}
    homes = (_home(network.body, path) for path in network.anatomy.heads)
    later |= {id(part) for home in homes if home is not None for part in home.children()}
    return drops(network.body, later)


def _home(body: nn.Module, path: str) -> nn.Module | None:
    """The module that holds what stood at a path."""
    part = module_at(body, path)
    return next((home for home in body.modules() if any(child is part for child in home.children())), None)
