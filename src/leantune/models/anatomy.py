"""Anatomy: where things are inside a transformer, read from the module structure and never from the architecture's name.

    blocks      the repeated layers                    encoder.layer.0 .. encoder.layer.5
    sites       linear maps and norms inside them      query, key, value, qkv, attention_out, ffn_in, ffn_out, norm
    the rest    embeddings, final norms, heads

A method asks for sites; no method names an architecture.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from leantune.core.errors import SpecError
from leantune.models.heads import is_transducer
from leantune.models.tying import ATTENTION_PART, repeated, tied

Kind = Literal["query", "key", "value", "qkv", "attention_out", "ffn_in", "ffn_out", "norm"]

_ACROSS = re.compile(r"\.(encoder_attn|EncDecAttention|crossattention|cross_attn)\.")
"""Attention of a decoder to its encoder."""
_PROJECTIONS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("qkv", re.compile(r"^(w?qkv(_proj)?|c_attn|in_proj|query_key_value)$", re.IGNORECASE)),
    ("query", re.compile(r"^(query|query_proj|q|q_lin|q_proj)$")),
    ("key", re.compile(r"^(key|key_proj|k|k_lin|k_proj)$")),
    ("value", re.compile(r"^(value|value_proj|v|v_lin|v_proj)$")),
    ("attention_out", re.compile(r"^(dense|out_lin|out_proj|o_proj|o|wo|c_proj)$", re.IGNORECASE)),
)


@dataclass(frozen=True)
class Site:
    """One place in one block."""

    path: str
    """Module path inside the body."""
    kind: Kind
    layer: int
    inputs: int
    outputs: int
    has_bias: bool
    transposed: bool = False
    """Whether its weight is kept as (inputs, outputs)."""
    writes: bool = True
    """Whether it works on what the output is read from; False in an encoder below a decoder, and where a decoder looks at its encoder."""


@dataclass(frozen=True)
class Anatomy:
    """Named places of one body, in the order of the forward pass."""

    architecture: str
    """Class name, for messages only."""
    hidden: int
    embedding_width: int
    """Width of the token embeddings; differs from `hidden` in ALBERT and small ELECTRA."""
    blocks: tuple[str, ...]
    sites: tuple[Site, ...]
    embeddings: str
    """Module path of the token embedding."""
    final_norms: tuple[str, ...]
    """Norms after the last block."""
    norms: tuple[str, ...]
    """Every norm of the body, embeddings included."""
    biases: tuple[str, ...]
    """Names of the bias parameters of the body, those of norms included."""
    heads: tuple[str, ...]
    """Modules that are new for the task (classifier, score, an untrained pooler ...); empty when the head is outside."""
    parameters: Mapping[str, int] = field(repr=False)
    """Name and size of every parameter of the body, those of heads and fixed tables left out."""
    causal: bool
    """Whether a token sees only the tokens before it (a decoder)."""
    takes_cache: bool
    """Whether past keys and values can be passed in (prefix tuning needs it)."""
    attention_heads: int
    key_value_width: int
    """Width of one token's keys in one layer (heads times head size)."""
    layers_run: int
    """Layers in the forward pass (of an encoder-decoder's decoder); more than `blocks` where layers are shared (ALBERT)."""
    vocabulary: bool
    """Whether the logits are those of the vocabulary."""
    answers: bool
    """Whether the head says something before anything is trained: the base brings it, or it starts from the words of the labels."""
    skeleton: Callable[[], nn.Module] = field(repr=False, compare=False)
    """Builds the same body with random weights, for counting; on the device that is the default when it is called."""

    @property
    def body_params(self) -> int:
        """Parameters without the heads."""
        return sum(self.parameters.values())

    def size(self, paths: Iterable[str]) -> int:
        """Parameters at or below the paths, each counted once."""
        wanted = tuple(paths)
        return sum(size for name, size in self.parameters.items() if _below(name, wanted))

    def at(self, kinds: Iterable[str], layers: Iterable[int] | None = None) -> tuple[Site, ...]:
        """The sites of the kinds, optionally only in the given layers (negative numbers count from the top).

        A fused projection (`qkv`) answers for query, key and value.

        Raises:
            SpecError: E-RANGE for a layer that does not exist.
        """
        wanted = set(kinds)
        if wanted & {"query", "key", "value"}:
            wanted.add("qkv")
        chosen = None if layers is None else {self.layer(number) for number in layers}
        return tuple(site for site in self.sites if site.kind in wanted and (chosen is None or site.layer in chosen))

    def layer(self, number: int) -> int:
        """A layer number counted from 0 below; negative numbers count from the top."""
        count = len(self.blocks)
        if not -count <= number < count:
            raise SpecError(f"Layer {number} does not exist: {self.architecture} has layers 0 to {count - 1}.", "E-RANGE")
        return number % count


def anatomy(module: nn.Module, heads: Iterable[str] = (), *, anchored: bool = False) -> Anatomy:
    """Read the anatomy of `module`; parts below `heads` are left out; `anchored` where a head outside starts from words.

    Raises:
        SpecError: E-MODEL when no repeated blocks with attention are found, in a body that does not say that it has none.
    """
    head_paths = tuple(heads)
    config: Any = module.config
    blocks = _blocks(module)
    last = _stacks(module)[-1]
    sites = [
        replace(site, writes=site.path.startswith(last) and not _ACROSS.search(site.path))
        for layer, path in enumerate(blocks)
        for site in _sites(module.get_submodule(path), path, layer, config.hidden_size)
    ]
    embedding = module.get_input_embeddings()  # type: ignore[operator]
    names = {id(part): path for path, part in module.named_modules()}
    norms = tuple(path for path, part in module.named_modules() if _is_norm(part) and not _below(path, head_paths))
    after = _after_blocks(module, blocks)
    return Anatomy(
        architecture=type(module).__name__,
        hidden=config.hidden_size,
        embedding_width=embedding.weight.shape[1],
        blocks=tuple(blocks),
        sites=tuple(sites),
        embeddings=names[id(embedding)],
        final_norms=tuple(path for path in norms if path in after),
        norms=norms,
        biases=tuple(name for name, _ in module.named_parameters() if name.endswith("bias") and not _below(name, head_paths)),
        heads=head_paths,
        parameters={
            name: stands_for(part) for name, part in module.named_parameters() if not _below(name, (*head_paths, *_tables(module)))
        },
        causal=any(getattr(part, "is_causal", False) for part in module.modules()),
        takes_cache="past_key_values" in inspect.signature(_body(module).forward).parameters,
        attention_heads=config.num_attention_heads,
        key_value_width=_key_value_width(config),
        layers_run=sum(path.startswith(last) for path in blocks) if last else config.num_hidden_layers,
        vocabulary=_has_output(module),
        answers=anchored or (_has_output(module) and not head_paths),
        skeleton=lambda: tied(type(module)._from_config(config)),  # type: ignore[attr-defined]
    )


def _blocks(module: nn.Module) -> list[str]:
    """Paths of the repeated layers, those of an encoder before those of its decoder."""
    found: list[str] = []
    for stack in _stacks(module):
        found += repeated(module, stack)
    if not found and getattr(module.config, "num_attention_heads", None) != 0:  # a body may say that it has no attention
        raise SpecError(f"{type(module).__name__}: no repeated attention layers found, so no method has a place to work.", "E-MODEL")
    return found


def _stacks(module: nn.Module) -> list[str]:
    """Paths of the parts that are a transformer each; "" for the whole."""
    if not is_transducer(module.config):
        return [""]
    parts = (module.get_encoder(), module.get_decoder())  # type: ignore[operator]
    names = {id(part): path for path, part in module.named_modules()}
    return [names[id(part)] for part in parts]


def _sites(block: nn.Module, prefix: str, layer: int, hidden: int) -> list[Site]:
    found: list[Site] = []
    linear = [path for path, part in block.named_modules() if isinstance(part, nn.Linear | Conv1D)]
    for path, part in block.named_modules():
        if isinstance(part, nn.Linear | Conv1D):
            kind = _linear_kind(path, part, hidden, last=path == linear[-1])
            if kind:
                inputs, outputs = linear_shape(part)
                found.append(Site(f"{prefix}.{path}", kind, layer, inputs, outputs, part.bias is not None, isinstance(part, Conv1D)))
        elif _is_norm(part):
            width = part.weight.numel()  # type: ignore[union-attr, operator]
            has_bias = getattr(part, "bias", None) is not None
            found.append(Site(f"{prefix}.{path}", "norm", layer, width, width, has_bias))
    return found


def _linear_kind(path: str, part: nn.Module, hidden: int, *, last: bool) -> Kind | None:
    """By its name inside of attention, else by what it reads and gives: a narrow block has fewer neurons than the model is wide."""
    *parents, leaf = path.split(".")
    if any(ATTENTION_PART.search(parent) for parent in parents):
        return next((kind for kind, pattern in _PROJECTIONS if pattern.match(leaf)), None)
    inputs, outputs = linear_shape(part)
    if inputs == outputs == hidden:
        return "ffn_out" if last else "ffn_in"
    return "ffn_out" if outputs == hidden or (inputs != hidden and outputs < inputs) else "ffn_in"


def linear_shape(part: nn.Module) -> tuple[int, int]:
    """(inputs, outputs); a Conv1D keeps its weight transposed, and a packed map has its sides beside it."""
    if getattr(part.weight, "quant_state", None) is not None:
        return int(part.in_features), int(part.out_features)  # type: ignore[arg-type]
    weight = part.weight
    first, second = weight.shape  # type: ignore[misc, union-attr]
    return (first, second) if isinstance(part, Conv1D) else (second, first)


def stands_for(value: Tensor) -> int:
    """Numbers that a parameter stands for; bitsandbytes packs two into a byte and keeps their shape beside them."""
    packed = getattr(value, "quant_state", None)
    return value.numel() if packed is None else int(packed.shape.numel())


def _is_norm(part: nn.Module) -> bool:
    return "Norm" in type(part).__name__ and isinstance(getattr(part, "weight", None), nn.Parameter)


def _tables(module: nn.Module) -> list[str]:
    """Positions that are computed once and never learned."""
    return [path for path, part in module.named_modules() if "Sinusoidal" in type(part).__name__]


def _has_output(module: nn.Module) -> bool:
    """Whether the body ends in a layer with one output for each token of the vocabulary."""
    try:
        return module.get_output_embeddings() is not None  # type: ignore[operator]
    except (AttributeError, NotImplementedError):
        return False


def _after_blocks(module: nn.Module, blocks: list[str]) -> set[str]:
    """Modules registered after the last block, up to the first embedding table (DeBERTa norms its position table there)."""
    paths = [path for path, _ in module.named_modules()]
    last = max((number for number, path in enumerate(paths) if _below(path, tuple(blocks))), default=len(paths))
    after: set[str] = set()
    for path in paths[last + 1 :]:
        if isinstance(module.get_submodule(path), nn.Embedding):
            break
        after.add(path)
    return after


def _below(name: str, parents: tuple[str, ...]) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def _body(module: nn.Module) -> nn.Module:
    """The bare transformer inside a model with a head."""
    inner = getattr(module, getattr(module, "base_model_prefix", ""), None)
    return inner if isinstance(inner, nn.Module) else module


def _key_value_width(config: object) -> int:
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads  # type: ignore[attr-defined]
    if not heads:
        return 0
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads  # type: ignore[attr-defined]
    return int(heads * size)
