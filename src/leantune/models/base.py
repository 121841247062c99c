"""The base model: configuration, tokenizer, pooling and weights, opened once and never modified on disk.

    open_base("minilm")                              no weights are read
    build_network(base, head, ...)                   body + head, ready for a method

Layouts. *stock*: the family's own class with the head it brings. *pooled*: a bare encoder whose token states are pooled (mean,
cls, last) into a linear head; sentence encoders use it, because their stock head would read a pooler that was never trained.
*tokens*: a linear head on every token state, where virtual tokens stand before the text or the family has no such class.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedTokenizerBase,
)

from leantune.core.digest import file_digest
from leantune.core.errors import SpecError
from leantune.models.anatomy import Anatomy, anatomy
from leantune.models.heads import HeadKind, HeadSpec
from leantune.models.locate import Location, locate, own_max_length, own_pooling, pinned
from leantune.models.network import POOLINGS, Network
from leantune.models.quiet import quiet

STOCK: dict[HeadKind, Any] = {
    "sequence": AutoModelForSequenceClassification,
    "token": AutoModelForTokenClassification,
    "span": AutoModelForQuestionAnswering,
}
"""The family's own class with the head it brings."""
DEFAULT_MAX_LENGTH = 256
"""Tokens per row at most unless the base says less or the user says otherwise."""


@dataclass(frozen=True)
class Base:
    """A base model without its weights in memory."""

    location: Location
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    pooling: str
    """stock, mean, cls or last."""
    max_length: int
    """Tokens per row at most."""

    @property
    def name(self) -> str:
        """As the user gave it."""
        return self.location.name

    @cached_property
    def context(self) -> int:
        """Positions that the model can take."""
        return _context(self)

    @cached_property
    def weights_digest(self) -> str | None:
        """Hash of the weight files, None on the hub; an adapter is only valid on the weights it was trained on."""
        folder = self.location.folder
        if folder is None:
            return None
        files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
        return "-".join(file_digest(file) for file in files)

    def count_tokens(self, texts: list[str], pairs: list[str] | None = None) -> list[int]:
        """Tokens of each text (with its pair), special tokens included, nothing cut off."""
        return count_tokens(self.tokenizer, texts, pairs)

    def anatomy(self, head: HeadSpec, *, prepends: bool = False) -> Anatomy:
        """The anatomy of the body, read from a skeleton without weights."""
        kind = layout(self, head.kind, prepends=prepends)
        with torch.device("meta"):
            body = _empty_body(self, head, kind)
        return anatomy(body, _outer_modules(body) if kind == "stock" else ())


def open_base(name: str, *, pooling: str = "auto", max_length: int | None = None, revision: str | None = None) -> Base:
    """Read configuration and tokenizer of a base model; `revision` is a commit on the hub.

    Raises:
        SpecError: E-MODEL when it cannot be loaded, E-OPTION for an unknown pooling, E-RANGE for a length beyond its context.
    """
    location = pinned(locate(name, revision))
    if pooling not in ("auto", "stock", *POOLINGS):
        raise SpecError(f'--pooling "{pooling}" is not known. All: auto, stock, {", ".join(POOLINGS)}.', "E-OPTION")
    config = _load(AutoConfig, location)
    tokenizer = _ready(_load(AutoTokenizer, location), name)
    config.pad_token_id = tokenizer.pad_token_id
    chosen = pooling if pooling != "auto" else own_pooling(location) or "stock"
    if chosen == "stock" and not _has_stock(config, "sequence"):
        chosen = "mean"
    base = Base(location, config, tokenizer, chosen, max_length or 0)
    longest = base.context
    if max_length is not None and not 4 <= max_length <= longest:
        raise SpecError(f"--max-length must lie between 4 and {longest}, the context of {name}. Got {max_length}.", "E-RANGE")
    length = max_length or min(own_max_length(location) or DEFAULT_MAX_LENGTH, DEFAULT_MAX_LENGTH, longest)
    return Base(location, config, tokenizer, chosen, length)


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a base model, padding on the right and with a padding token."""
    return _ready(_load(AutoTokenizer, locate(name)), name)


def _ready(tokenizer: PreTrainedTokenizerBase, name: str) -> PreTrainedTokenizerBase:
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise SpecError(f"{name}: its tokenizer has neither a padding nor an end token, so rows cannot be batched.", "E-MODEL")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def count_tokens(tokenizer: PreTrainedTokenizerBase, texts: list[str], pairs: list[str] | None = None) -> list[int]:
    """Tokens of each text (with its pair), special tokens included, nothing cut off."""
    with quiet():
        coded = tokenizer(texts, pairs, truncation=False, return_attention_mask=False)
    return [len(ids) for ids in coded["input_ids"]]


def layout(base: Base, kind: HeadKind, *, prepends: bool = False) -> str:
    """How the head sits on the body: stock, mean, cls or last; stock or tokens where every token is read.

    Virtual tokens before the text would be read by a stock head in place of the text's own, so methods that prepend get
    the pooled layout with the pooling that the stock head has.
    """
    if kind != "sequence":
        return "tokens" if prepends or not _has_stock(base.config, kind) else "stock"
    if base.pooling != "stock" or not prepends:
        return base.pooling
    return "last" if _is_decoder(base) else getattr(base.config, "classifier_pooling", "cls")


def build_network(base: Base, head: HeadSpec, *, seed: int, prepends: bool = False, dropout: float = 0.0) -> Network:
    """Load the weights and put a fresh head on them, drawn from `seed`.

    Args:
        base: the opened base model.
        head: what the task wants.
        seed: of everything that is drawn.
        prepends: whether virtual tokens will stand before the text.
        dropout: replaces every dropout of the base.
    """
    kind = layout(base, head.kind, prepends=prepends)
    config = _configured(base, head, dropout)
    torch.manual_seed(seed)
    if kind == "stock":
        body, info = _load(
            STOCK[head.kind],
            base.location,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
        missing = {*info["missing_keys"], *(key[0] if isinstance(key, tuple) else key for key in info["mismatched_keys"])}
        heads = _owners(body, missing) | set(_outer_modules(body))
        return Network(body, None, kind, anatomy(body, sorted(heads)))
    body = _load(AutoModel, base.location, config=config, dtype=torch.float32, **_no_pooler(config))
    outer = nn.Linear(config.hidden_size, head.outputs)
    nn.init.normal_(outer.weight, std=0.02)
    nn.init.zeros_(outer.bias)
    return Network(body, outer, kind, anatomy(body))


def build_embedder(base: Base) -> nn.Module:
    """The bare encoder with its own weights and nothing on top, as it is."""
    body: nn.Module = _load(AutoModel, base.location, dtype=torch.float32, **_no_pooler(base.config))
    return body


def _configured(base: Base, head: HeadSpec, dropout: float) -> PretrainedConfig:
    names = head.names
    changes: dict[str, Any] = {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    for key, value in base.config.to_dict().items():
        if "drop" in key and isinstance(value, float | int) and not isinstance(value, bool):
            changes[key] = dropout
    config = type(base.config).from_dict(base.config.to_dict() | changes)
    config.num_labels = head.outputs
    config.problem_type = head.problem
    return config


def _has_stock(config: PretrainedConfig, kind: HeadKind) -> bool:
    """Whether the family has a class with a head of this kind."""
    return type(config) in STOCK[kind]._model_mapping


def _empty_body(base: Base, head: HeadSpec, kind: str) -> nn.Module:
    config = _configured(base, head, 0.0)
    if kind == "stock":
        return STOCK[head.kind].from_config(config)  # type: ignore[no-any-return]
    return AutoModel.from_config(config, **_no_pooler(config))  # type: ignore[no-any-return]


def _no_pooler(config: PretrainedConfig) -> dict[str, Any]:
    """Leave out a pooler that a pooled layout never reads; it would be a parameter without a gradient."""
    model_class = AutoModel._model_mapping[type(config)]
    return {"add_pooling_layer": False} if "add_pooling_layer" in model_class.__init__.__code__.co_varnames else {}


def _outer_modules(body: nn.Module) -> list[str]:
    """Children with parameters outside the bare transformer: the stock head and what belongs to it."""
    prefix = body.base_model_prefix
    return [name for name, child in body.named_children() if name != prefix and any(True for _ in child.parameters())]


def _owners(body: nn.Module, missing: set[str]) -> set[str]:
    """The outermost modules all of whose parameters were missing in the checkpoint."""
    owners = set()
    names = [name for name, _ in body.named_parameters()]
    for key in missing & set(names):
        parts = key.split(".")
        prefixes = [".".join(parts[:length]) for length in range(1, len(parts))]
        whole = (prefix for prefix in prefixes if all(name in missing for name in names if name.startswith(f"{prefix}.")))
        owner = next(whole, None)
        if owner:
            owners.add(owner)
    return owners


def _context(base: Base) -> int:
    limits = [base.tokenizer.model_max_length]
    positions = getattr(base.config, "max_position_embeddings", None) or getattr(base.config, "n_positions", None)
    if positions:
        with torch.device("meta"):
            body = AutoModel.from_config(base.config)
        tables = [part for path, part in body.named_modules() if path.endswith("position_embeddings") and isinstance(part, nn.Embedding)]
        # RoBERTa and its kin count positions from the padding index on, so the first rows of the table are never used.
        offset = max((table.padding_idx + 1 for table in tables if table.padding_idx is not None), default=0)
        limits.append(positions - offset)
    return int(min(limits))


def _is_decoder(base: Base) -> bool:
    with torch.device("meta"):
        body = AutoModel.from_config(base.config)
    return any(getattr(part, "is_causal", False) for part in body.modules())


def _load(loader: Any, location: Location, **options: Any) -> Any:
    with quiet():
        try:
            pinned = {"revision": location.revision} if location.revision else {}
            return loader.from_pretrained(location.source, **pinned, **options)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().splitlines()[0][:300]
            where = "folder" if location.local else "hub (and its local cache)"
            hint = "" if location.local else " Check the spelling and the connection, or give a folder."
            raise SpecError(f'Base model "{location.name}" cannot be loaded from the {where}: {reason}{hint}', "E-MODEL") from error


def write_tokenizer(base: Base, folder: Path, *, cuts: str | None = None) -> None:
    """Write the tokenizer files into an artifact; it cuts at the length that was trained, and on the side that is given, if any."""
    tokenizer: Any = copy.deepcopy(base.tokenizer)
    tokenizer.model_max_length = base.max_length
    if cuts:
        tokenizer.truncation_side = cuts
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of an artifact."""
    return _ready(_load(AutoTokenizer, Location(str(folder), str(folder), local=True)), str(folder))
