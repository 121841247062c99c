"""Gain: a trained factor for every output of the feed-forward part.

    y = g * (W x + b)        W (out, in), b (out) frozen        g (out) trained

Trains      out numbers per site.                          At start   g = 1: the model is unchanged.
Afterwards  merges into W and b exactly.                   Reference  after Liu et al. 2022, arXiv:2205.05638.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from peft.config import PeftConfig
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from peft.utils.peft_types import PeftType
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from leantune.kinds.method import Card, Method, Rates
from leantune.models.adaptation import Adaptation, Target
from leantune.models.anatomy import Anatomy, Site, linear_shape
from leantune.models.places import Layers, Sites, missing
from leantune.models.surgery import exactly, wrap
from leantune.models.tuners import add_tuner


class Gain(Method):
    """A factor for every output of chosen linear maps."""

    sites: Sites = ("ffn_out",)
    """The linear maps whose outputs get a factor: query, key, value, attention_out, ffn_in, ffn_out, or `all` for all of them."""
    layers: Layers = None
    """Layers that get factors; all when not given; negative numbers count from the top."""

    card: ClassVar[Card] = Card(
        title="Gain",
        paper="after Liu et al. 2022, arXiv:2205.05638",
        when="to see how little is enough",
        rates=Rates(low=1e-3, start=5e-3, high=2e-2),
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Sites or layers that the body does not have."""
        return missing(anatomy, self.sites, self.layers)

    def places(self, anatomy: Anatomy) -> tuple[Site, ...]:
        """The linear maps that get factors."""
        return anatomy.at(self.sites, self.layers)

    def cost(self, anatomy: Anatomy) -> int:
        """One number per output."""
        return sum(site.outputs for site in self.places(anatomy))

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Put the tuner below into the body."""
        return wrap(target, "gain", {"target_modules": exactly(self.places(target.anatomy))}, seed=seed)


@dataclass
class GainConfig(PeftConfig):
    """What is stored beside the factors."""

    target_modules: list[str] | str | None = None
    exclude_modules: list[str] | str | None = None
    modules_to_save: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.peft_type = PeftType["GAIN"]


class GainLayer(nn.Module, BaseTunerLayer):
    """g * base(x).   x (..., in) -> (..., out)"""

    adapter_layer_names = ("gain_factor",)

    def __init__(self, base_layer: nn.Module) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.gain_factor = nn.ParameterDict()
        self.merged_adapters: list[str] = []
        self._disable_adapters = False

    def update_layer(self, name: str, config: GainConfig) -> None:
        """Add the factors of one adapter."""
        self.gain_factor[name] = nn.Parameter(torch.ones(linear_shape(self.base_layer)[1]))
        self._move_adapter_to_device_of_base_layer(name)
        self.set_adapter(self.active_adapters, inference_mode=config.inference_mode)

    def forward(self, x: Tensor) -> Tensor:
        """The base layer's output, scaled by the active adapters."""
        result = self.base_layer(x)
        for name in () if self.disable_adapters or self.merged else self.active_adapters:
            if name in self.gain_factor:
                result = result * self.gain_factor[name]
        return result

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Fold the factors into weight and bias."""
        del safe_merge
        for name in adapter_names or self.active_adapters:
            self._scale(self.gain_factor[name].data)
            self.merged_adapters.append(name)

    def unmerge(self) -> None:
        """Take the factors out again."""
        while self.merged_adapters:
            self._scale(1 / self.gain_factor[self.merged_adapters.pop()].data)

    def _scale(self, factor: Tensor) -> None:
        weight, bias = self.base_layer.weight, self.base_layer.bias
        weight.data *= factor if isinstance(self.base_layer, Conv1D) else factor[:, None]
        if bias is not None:
            bias.data *= factor


class GainModel(BaseTuner):
    """Wraps the targeted linear maps."""

    prefix = "gain_"
    tuner_layer_cls = GainLayer
    target_module_mapping: dict[str, list[str]] = {}

    def _create_and_replace(
        self, peft_config: GainConfig, adapter_name: str, target: nn.Module, target_name: str, parent: nn.Module, **_: Any
    ) -> None:
        layer = target if isinstance(target, GainLayer) else GainLayer(target)
        layer._active_adapter = [adapter_name]
        layer.update_layer(adapter_name, peft_config)
        if layer is not target:
            self._replace_module(parent, target_name, layer, target)


add_tuner("gain", GainConfig, GainModel)

MEMBER = Gain
