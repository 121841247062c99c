"""Four bits: linear maps of a plain model as 4-bit normal floats, through bitsandbytes; `transformers` stores and loads them.

    W ~ absmax_block * nf4[code]        blocks of 64 weights; the scales are 8-bit numbers themselves, or stay as they are

    to_nf4(network)                     a trained model is packed
    loading(skeleton, packing)          a base is packed while it is read, for an adapter beside it

Only maps inside of the layers whose sides fit the blocks; heads and embeddings stay as they are. Where the CPU computes in bfloat16 the
library repacks the weights at the first call and back when they are saved, which rounds the scales anew: see `ROUNDING`. The repacked
form has no gradient, so what is trained on keeps the first one: `trainable`.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig
from transformers.pytorch_utils import Conv1D
from transformers.quantizers import AutoHfQuantizer

from leantune.core.errors import ArtifactError, SpecError
from leantune.core.packing import Packing
from leantune.models.anatomy import Anatomy
from leantune.models.network import Network

INPUTS, OUTPUTS = 64, 32
"""What the sides of a map must be multiples of for the kernels of the CPU."""

ROUNDING = 0.05
"""Largest difference of a logit behind saving and loading, relative to the largest logit where that is above 1."""
FILE = "quantization_config.json"
"""Beside an adapter: how its base is packed, as `BitsAndBytesConfig` takes it."""
_SAID = ("load_in_4bit", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant", "bnb_4bit_compute_dtype", "llm_int8_skip_modules")


def is_packed(config: Any) -> bool:
    """Whether a configuration, or its JSON, is that of a packed model."""
    found = config.get("quantization_config") if isinstance(config, dict) else getattr(config, "quantization_config", None)
    return found is not None


def fits(inputs: int, outputs: int) -> bool:
    """Whether a map of these sides can be packed."""
    return inputs % INPUTS == 0 and outputs % OUTPUTS == 0


def fitting(body: nn.Module, blocks: Iterable[str]) -> list[str]:
    """Paths of the linear maps of a body that can be packed: those in its layers."""
    layers = tuple(f"{path}." for path in blocks)
    maps = ((path, part) for path, part in body.named_modules() if path.startswith(layers) and isinstance(part, nn.Linear))
    return [path for path, part in maps if fits(part.in_features, part.out_features)]


def unpackable(anatomy: Anatomy) -> str | None:
    """Why no map of a body can be packed, in one line; None when some can."""
    if any(fits(site.inputs, site.outputs) and not site.transposed for site in anatomy.sites if site.kind != "norm"):
        return None
    if any(site.transposed for site in anatomy.sites):
        return "its maps are Conv1D"
    return f"no linear map has {INPUTS} x n inputs and {OUTPUTS} x n outputs"


def to_nf4(network: Network) -> Network:
    """Pack the linear maps, in place.

    Raises:
        SpecError: E-EXTRA without bitsandbytes, E-METHOD where no map fits.
    """
    if why := unpackable(network.anatomy):
        raise SpecError(f"{network.anatomy.architecture} cannot be packed into 4 bits: {why}. Use quantize(int8).", "E-METHOD")
    modules = need("quantize(nf4)")
    chosen = fitting(network.body, network.anatomy.blocks)
    config = BitsAndBytesConfig(**_options(network.body, chosen, Packing()))
    network.eval()
    for path in chosen:
        network.body.set_submodule(path, _packed(modules, network.body.get_submodule(path)))  # type: ignore[arg-type]
    body: Any = network.body
    body.config.quantization_config = config
    body.hf_quantizer = AutoHfQuantizer.from_config(config, pre_quantized=True)
    body.is_loaded_in_4bit = body.is_quantized = True
    return network.eval()


def loading(skeleton: nn.Module, blocks: Iterable[str], packing: Packing) -> dict[str, Any]:
    """What `from_pretrained` is told so that it packs the maps of the layers while it reads them.

    Args:
        skeleton: such a body without weights.
        blocks: paths of its layers.
        packing: how.

    Raises:
        SpecError: E-EXTRA without bitsandbytes.
    """
    need("nf4")
    config = BitsAndBytesConfig(**_options(skeleton, fitting(skeleton, blocks), packing))
    return {"quantization_config": config, "device_map": {"": "cpu"}}


def trainable(body: nn.Module) -> None:
    """Keep packed weights in the form that gradients go through, also after a look at dev."""
    for part in body.modules():
        if hasattr(part, "support_avx512bf16_for_cpu"):
            part.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def write_packing(body: nn.Module, folder: Path) -> None:
    """Say beside an adapter how its base is packed."""
    config: Any = body.config.quantization_config  # type: ignore[union-attr]
    said = config.to_dict()
    kept = {name: said[name] for name in _SAID}
    (folder / FILE).write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_packing(folder: Path) -> Packing | None:
    """How the base of an adapter is packed; None where it stays as it is.

    Raises:
        ArtifactError: E-ARTIFACT for a file that says nothing of the kind.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        return Packing(bool(json.loads(file.read_text(encoding="utf-8"))["bnb_4bit_use_double_quant"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{file}: does not say how the base is packed: {error}. Copy the whole folder again.", "E-ARTIFACT") from error


def need(what: str) -> Any:
    """The modules of bitsandbytes.

    Raises:
        SpecError: E-EXTRA without it.
    """
    try:
        return importlib.import_module("bitsandbytes.nn")
    except ImportError:
        raise SpecError(f'{what} needs the package `bitsandbytes`: pip install "leantune[bnb]".', "E-EXTRA") from None


def _options(body: nn.Module, chosen: Iterable[str], packing: Packing) -> dict[str, Any]:
    """Of a `BitsAndBytesConfig` that packs the chosen maps and no other."""
    linear = [path for path, part in body.named_modules() if isinstance(part, nn.Linear | Conv1D)]
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": packing.double,
        "bnb_4bit_compute_dtype": "float32",
        # A pooler that is not there is built by plain libraries all the same; with nothing said transformers would choose some itself.
        "llm_int8_skip_modules": sorted({"pooler", *linear} - set(chosen)),
    }


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
