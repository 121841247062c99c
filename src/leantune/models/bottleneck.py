"""BOTTLENECK: adapters of our own as a `peft` tuner, because `peft` has none that is not linear.

    sequential   y = W x,      output y + scale * A(y)             Houlsby, Pfeiffer
    parallel     y = W x,      output y + scale * A(u)             u is what the sub-layer was given (He et al.)

Importing this module registers the tuner, so that `PeftModel.from_pretrained` and `load_adapter` read its folders. A reader
without leantune cannot load them: not merged, not plain `peft`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peft.config import PeftConfig
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from peft.utils.peft_types import PeftType
from torch import Tensor, nn

from leantune.models.adapter_bodies import make_body
from leantune.models.anatomy import linear_shape
from leantune.models.tuners import add_tuner

NAME = "BOTTLENECK"
REFUSAL = "an adapter with a nonlinear body cannot be folded into the weights"


@dataclass
class BottleneckConfig(PeftConfig):  # type: ignore[misc]
    """What is stored with the adapter."""

    body: str = "bottleneck"
    """linear, bottleneck or attention."""
    reduction: int = 16
    """The width is the output width of the site divided by this ..."""
    width: int | None = None
    """... unless it is given."""
    activation: str = "relu"
    init: str = "zero"
    scale: float = 1.0
    causal: bool = False
    """Whether an attention body may only look back (decoders)."""
    entries: dict[str, str] | None = None
    """For parallel adapters: target module -> module whose input is read."""
    target_modules: list[str] | str | None = None
    exclude_modules: list[str] | str | None = None
    modules_to_save: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.peft_type = PeftType[NAME]
        if isinstance(self.target_modules, list):
            self.target_modules = set(self.target_modules)  # type: ignore[assignment]

    def width_for(self, outputs: int) -> int:
        """Width of the bottleneck at a site with so many outputs."""
        return self.width or max(1, outputs // self.reduction)


class Seen:
    """The attention mask of the running forward pass, for bodies in which tokens meet; one per model."""

    def __init__(self) -> None:
        self.mask: Tensor | None = None

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A forward pre-hook of the whole model."""
        given = inspect.signature(module.forward).bind_partial(*args, **kwargs).arguments
        self.mask = given.get("attention_mask")


class Remember:
    """A forward pre-hook of the module where a sub-layer begins: keeps its input for the parallel adapter at the end."""

    def __init__(self, layer: BottleneckLayer) -> None:
        self.layer = layer

    def __call__(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        """Keep the input until the adapter has used it."""
        del module
        self.layer.entry = args[0]


class BottleneckLayer(nn.Module, BaseTunerLayer):  # type: ignore[misc]
    """A linear map with adapters behind it or beside it."""

    adapter_layer_names = ("bottleneck_body",)
    other_param_names = ("bottleneck_scale",)

    # What `peft` provides without types.
    get_base_layer: Callable[[], nn.Module]
    set_adapter: Callable[..., None]
    active_adapters: list[str]
    disable_adapters: bool
    _active_adapter: list[str]
    _move_adapter_to_device_of_base_layer: Callable[[str], None]
    _cast_input_dtype: Callable[..., Tensor]

    def __init__(self, base_layer: nn.Module, seen: Seen) -> None:
        super().__init__()
        self.base_layer, self.seen = base_layer, seen
        self.bottleneck_body = nn.ModuleDict()
        self.bottleneck_scale: dict[str, float] = {}
        self.parallel: dict[str, bool] = {}
        self.entry: Tensor | None = None
        self.merged_adapters: list[str] = []
        self._disable_adapters = False

    def update_layer(self, adapter_name: str, config: BottleneckConfig, inputs: int | None) -> None:
        """Add an adapter; `inputs` is the width of the sub-layer's input for a parallel one, else None."""
        outputs = linear_shape(self.get_base_layer())[1]
        shape = (inputs or outputs, outputs, config.width_for(outputs))
        self.bottleneck_body[adapter_name] = make_body(
            config.body, shape, activation=config.activation, init=config.init, causal=config.causal
        )
        self.bottleneck_scale[adapter_name] = config.scale
        self.parallel[adapter_name] = inputs is not None
        self._move_adapter_to_device_of_base_layer(adapter_name)
        self.set_adapter(self.active_adapters, inference_mode=config.inference_mode)

    def forward(self, states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The base layer's output plus what the active adapters add."""
        result: Tensor = self.base_layer(states, *args, **kwargs)
        entry, self.entry = self.entry, None
        for name in () if self.disable_adapters else self.active_adapters:
            if name in self.bottleneck_body:
                body = self.bottleneck_body[name]
                source = entry if self.parallel[name] else result
                added = body(self._cast_input_dtype(source, body.up.weight.dtype), self.seen.mask)  # type: ignore[union-attr]
                result = result + (self.bottleneck_scale[name] * added).to(result.dtype)
        return result

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Refused."""
        raise NotImplementedError(REFUSAL)

    def unmerge(self) -> None:
        """Nothing was merged."""


class BottleneckModel(BaseTuner):  # type: ignore[misc]
    """Puts adapters behind or beside the targeted linear maps."""

    prefix = "bottleneck_"
    tuner_layer_cls = BottleneckLayer
    target_module_mapping: dict[str, list[str]] = {}

    def _create_and_replace(
        self,
        peft_config: BottleneckConfig,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,
        **_: Any,
    ) -> None:
        layer = target if isinstance(target, BottleneckLayer) else BottleneckLayer(target, self._seen(peft_config))
        if layer is not target:
            layer._active_adapter = [adapter_name]
        inputs = self._remember(peft_config, layer, current_key)
        layer.update_layer(adapter_name, peft_config, inputs)
        if layer is not target:
            if adapter_name not in self.active_adapters:
                layer.requires_grad_(False)
            self._replace_module(parent, target_name, layer, target)

    def _remember(self, config: BottleneckConfig, layer: BottleneckLayer, key: str) -> int | None:
        """For a parallel adapter: have the sub-layer's input kept; its width."""
        if not config.entries:
            return None
        end = next(end for end in config.entries if key == end or key.endswith(f".{end}"))
        path = key[: len(key) - len(end)] + config.entries[end]
        entry = layer.get_base_layer() if path == key else self.model.get_submodule(path)
        inner = entry.get_base_layer() if isinstance(entry, BaseTunerLayer) else entry
        inner.register_forward_pre_hook(Remember(layer))
        return linear_shape(inner)[0]

    def _seen(self, config: BottleneckConfig) -> Seen:
        """The mask that all layers share; noted by the model and by the bare transformer inside, whichever is called."""
        inner = getattr(self.model, getattr(self.model, "base_model_prefix", ""), None)
        seen = next((hook for hook in self.model._forward_pre_hooks.values() if isinstance(hook, Seen)), None)
        if seen is None:
            seen = Seen()
            for part in (self.model, inner) if config.body == "attention" else ():
                if isinstance(part, nn.Module):
                    part.register_forward_pre_hook(seen, with_kwargs=True)
        return seen

    def _check_merge_allowed(self) -> None:
        raise NotImplementedError(REFUSAL)


add_tuner(NAME.lower(), BottleneckConfig, BottleneckModel)
