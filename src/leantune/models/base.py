"""The base model: configuration, tokenizer and pooling, opened once and never modified on disk; `models.build` reads the weights.

open_base("minilm")                              no weights are read, but where layers are said to share theirs
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase

from leantune.core.digest import file_digest
from leantune.core.errors import SpecError
from leantune.core.packing import Packing
from leantune.models.edge import EdgeConfig
from leantune.models.locate import Location, hub_weights, locate, mistyped, own_max_length, own_pooling, pinned
from leantune.models.network import POOLINGS
from leantune.models.quiet import quiet
from leantune.models.tying import GROUPS, groups_of, parted

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
    packing: Packing | None = None
    """How its linear maps are kept in 4 bits; None where they stay as they are."""
    parted: bool = False
    """Whether layers that its configuration calls one and the same differ, so that each is read as its own."""

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
        return "-".join(file_digest(file) for file in _weights(folder))

    @cached_property
    def stored_digest(self) -> str | None:
        """The same of a base on the hub too, whose files are fetched for it where they are not cached; None where they cannot be had."""
        if self.weights_digest is not None:
            return self.weights_digest
        files = hub_weights(self.location)
        return "-".join(file_digest(file) for file in files) or None

    def count_tokens(self, texts: list[str], pairs: list[str] | None = None) -> list[int]:
        """Tokens of each text (with its pair), special tokens included, nothing cut off."""
        return count_tokens(self.tokenizer, texts, pairs)

    def count_bare(self, texts: list[str], pairs: list[str] | None = None) -> list[int]:
        """The same without special tokens."""
        return count_tokens(self.tokenizer, texts, pairs, special=False)

    def numbers(self, text: str) -> tuple[int, ...]:
        """The tokens of a text without special ones and those that stand for what is unknown."""
        found = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return tuple(number for number in found if number != self.tokenizer.unk_token_id)


def _weights(folder: Path) -> list[Path]:
    """The weight files; none of a graph."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def open_base(name: str, *, pooling: str = "auto", max_length: int | None = None, revision: str | None = None) -> Base:
    """Read configuration and tokenizer of a base model; `revision` is a commit on the hub.

    Raises:
        SpecError: E-MODEL when it cannot be loaded, E-OPTION for an unknown pooling, E-RANGE for a length beyond its context.
    """
    location = pinned(locate(name, revision))
    if pooling not in ("auto", "stock", *POOLINGS):
        raise SpecError(f'--pooling "{pooling}" is not known. All: auto, stock, {", ".join(POOLINGS)}.', "E-OPTION")
    config = load_pretrained(AutoConfig, location)
    tokenizer = _ready(load_pretrained(AutoTokenizer, location), name)
    config.pad_token_id = tokenizer.pad_token_id
    apart = _untied(config, location)
    chosen = pooling_of(config, pooling if pooling != "auto" else own_pooling(location) or "stock")
    base = Base(location, config, tokenizer, chosen, max_length or 0)
    longest = base.context
    if max_length is not None and not 4 <= max_length <= longest:
        raise SpecError(f"--max-length must lie between 4 and {longest}, the context of {name}. Got {max_length}.", "E-RANGE")
    length = max_length or min(own_max_length(location) or DEFAULT_MAX_LENGTH, DEFAULT_MAX_LENGTH, longest)
    return Base(location, config, tokenizer, chosen, length, parted=apart)


def _untied(config: PretrainedConfig, location: Location) -> bool:
    """Whether layers that should be one differ; the configuration does not call them so any more."""
    graph = location.folder is not None and not _weights(location.folder)
    if graph or groups_of(config) is None or not parted(load_pretrained(AutoModel, location)):
        return False
    setattr(config, GROUPS, None)
    return True


def pooling_of(config: PretrainedConfig, wanted: str) -> str:
    """The wanted pooling where the body can have it: what has no head of its family is mean-pooled, and students always are."""
    stock = type(config) in AutoModelForSequenceClassification._model_mapping
    return "mean" if isinstance(config, EdgeConfig) or (wanted == "stock" and not stock) else wanted


_LONG = "sequence-length-is-longer-than-the-specified-maximum"
"""What `transformers` calls its warning of long texts; once given it is not given again."""


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a base model, padding on the right and with a padding token."""
    return _ready(load_pretrained(AutoTokenizer, locate(name)), name)


def _ready(tokenizer: PreTrainedTokenizerBase, name: str) -> PreTrainedTokenizerBase:
    tokenizer.padding_side = "right"
    tokenizer.deprecation_warnings[_LONG] = True  # long texts are cut or read in pieces here; transformers would foretell indexing errors
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise SpecError(f"{name}: its tokenizer has neither a padding nor an end token, so rows cannot be batched.", "E-MODEL")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def count_tokens(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], pairs: list[str] | None = None, *, special: bool = True
) -> list[int]:
    """Tokens of each text (with its pair), special tokens included unless said otherwise, nothing cut off."""
    with quiet():
        coded = tokenizer(texts, pairs, truncation=False, add_special_tokens=special, return_attention_mask=False)
    return [len(ids) for ids in coded["input_ids"]]


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


def load_pretrained(loader: Any, location: Location, **options: Any) -> Any:
    """What a class of `transformers` reads from where the base lies.

    Raises:
        SpecError: E-MODEL with the reason.
    """
    with quiet():
        try:
            pinned = {"revision": location.revision} if location.revision else {}
            return loader.from_pretrained(location.source, trust_remote_code=False, **pinned, **options)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().splitlines()[0][:300]
            where = "folder" if location.local else "hub (and its local cache)"
            hint = "" if location.local else f"{_closest(location)} Check the spelling and the connection, or give a folder."
            if "trust_remote_code" in str(error):
                reason, hint = "it needs code of its own, which leantune never runs.", " Choose a base that transformers knows."
            raise SpecError(f'Base model "{location.name}" cannot be loaded from the {where}: {reason}{hint}', "E-MODEL") from error


def _closest(location: Location) -> str:
    close = mistyped(location)
    return f' Closest: "{close}".' if close else ""


def write_tokenizer(base: Base, folder: Path, *, cuts: str | None = None, template: str | None = None) -> None:
    """Write the tokenizer files into an artifact; it cuts at the length that was trained.

    Args:
        base: whose tokenizer it is.
        folder: of the artifact.
        cuts: on which side it cuts, where that is not the tokenizer's own.
        template: of conversations, for a tokenizer without one.
    """
    tokenizer: Any = copy.deepcopy(base.tokenizer)
    tokenizer.model_max_length = base.max_length
    if cuts:
        tokenizer.truncation_side = tokenizer.init_kwargs["truncation_side"] = cuts  # only what it was made with is saved
    if template and not tokenizer.chat_template:
        tokenizer.chat_template = template
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of an artifact."""
    found = _ready(load_pretrained(AutoTokenizer, Location(str(folder), str(folder), local=True)), str(folder))
    found("a \U0001f643")  # a damaged one may load and then break at the first text, or at the first unknown sign
    return found
