"""Four bits: linear maps of a plain model as 4-bit normal floats, through bitsandbytes; `transformers` stores and loads them.

    W ~ absmax_block * nf4[code]        blocks of 64 weights; the scales are 8-bit numbers themselves

Only maps inside of the layers whose sides fit the blocks; heads and embeddings stay as they are. Where the CPU computes in bfloat16 the
library repacks the weights at the first call and back when they are saved, which rounds the scales anew: see `ROUNDING`.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig
from transformers.pytorch_utils import Conv1D
from transformers.quantizers import AutoHfQuantizer

from leantune.core.errors import SpecError
from leantune.models.network import Network

INPUTS, OUTPUTS = 64, 32
"""What the sides of a map must be multiples of for the kernels of the CPU."""

ROUNDING = 0.05
"""Largest difference of a logit behind saving and loading, relative to the largest logit where that is above 1."""


def is_packed(config: Any) -> bool:
    """Whether a configuration, or its JSON, is that of a packed model."""
    found = config.get("quantization_config") if isinstance(config, dict) else getattr(config, "quantization_config", None)
    return found is not None


def fitting(network: Network) -> list[str]:
    """Paths of the linear maps that can be packed."""
    layers = tuple(f"{path}." for path in network.anatomy.blocks)
    maps = ((path, part) for path, part in network.body.named_modules() if path.startswith(layers) and isinstance(part, nn.Linear))
    return [path for path, part in maps if part.in_features % INPUTS == 0 and part.out_features % OUTPUTS == 0]


def to_nf4(network: Network) -> Network:
    """Pack the linear maps, in place.

    Raises:
        SpecError: E-EXTRA without bitsandbytes, E-METHOD where no map fits.
    """
    chosen = fitting(network)
    if not chosen:
        mixed = any(isinstance(part, Conv1D) for part in network.body.modules())
        why = "its maps are Conv1D" if mixed else f"no linear map has {INPUTS} x n inputs and {OUTPUTS} x n outputs"
        raise SpecError(f"{network.anatomy.architecture} cannot be packed into 4 bits: {why}. Use quantize(int8).", "E-METHOD")
    modules = _need()
    linear = [path for path, part in network.body.named_modules() if isinstance(part, nn.Linear | Conv1D)]
    network.eval()
    for path in chosen:
        network.body.set_submodule(path, _packed(modules, network.body.get_submodule(path)))  # type: ignore[arg-type]
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
        # A pooler that is not there is built by plain libraries all the same; with nothing said transformers would choose some itself.
        llm_int8_skip_modules=sorted({"pooler", *linear} - set(chosen)),
    )
    body: Any = network.body
    body.config.quantization_config = config
    body.hf_quantizer = AutoHfQuantizer.from_config(config, pre_quantized=True)
    body.is_loaded_in_4bit = body.is_quantized = True
    return network.eval()


def _need() -> Any:
    try:
        return importlib.import_module("bitsandbytes.nn")
    except ImportError:
        raise SpecError('quantize(nf4) needs the package `bitsandbytes`: pip install "leantune[bnb]".', "E-EXTRA") from None


def _packed(modules: Any, part: nn.Linear) -> nn.Module:
    """The map with its weights packed."""
    biased = part.bias is not None
    found: nn.Module = modules.Linear4bit(
        part.in_features, part.out_features, bias=biased, compute_dtype=torch.float32, compress_statistics=True, quant_type="nf4"
    )
    weight = part.weight.detach().cpu().contiguous()
    found.weight = modules.Params4bit(weight, requires_grad=False, compress_statistics=True, quant_type="nf4", module=found).to("cpu")
    if biased:
        found.bias = nn.Parameter(part.bias.detach().cpu(), requires_grad=False)
    return found
