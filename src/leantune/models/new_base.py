"""A base from a random start: a plain model of `transformers` with a tokenizer of its own, in a folder like any other base.

encoder-decoder: Pegasus's body, that is, layers normalised before, sinusoidal positions, tied embeddings (Zhang et al. 2020,
arXiv:1912.08777). decoder: Llama's, rotary positions, tied embeddings (Touvron et al. 2023, arXiv:2302.13971). masked: BERT's (Devlin
et al. 2019, arXiv:1810.04805).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from transformers import (
    BertConfig,
    BertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    PegasusConfig,
    PegasusForConditionalGeneration,
    PreTrainedTokenizerBase,
)

from leantune.core.errors import SpecError
from leantune.core.spec import Spec
from leantune.models.quiet import quiet

Kind = Literal["encoder-decoder", "decoder", "masked"]


class Shape(Spec):
    """What a new base is like."""

    kind: Kind
    layers: int = Field(default=3, ge=1, le=200)
    """Of the encoder and of the decoder, each."""
    hidden: int = Field(default=256, ge=8, le=100_000)
    """Width of a state."""
    heads: int = Field(default=4, ge=1)
    """Attention heads of a layer."""
    max_length: int = Field(default=256, ge=8, le=1_000_000)
    """Tokens that it can take."""
    seed: int = 0
    """Of the weights."""

    def check(self) -> None:
        """Refuse a width that the heads cannot share.

        Raises:
            SpecError: E-RANGE with the numbers that would do.
        """
        # Rotary and sinusoidal positions turn pairs of numbers, so each head needs an even number of them.
        fitting = [heads for heads in range(1, self.hidden + 1) if self.hidden % (2 * heads) == 0]
        if self.heads not in fitting:
            near = sorted(fitting, key=lambda heads: abs(heads - self.heads))[:4]
            listed = ", ".join(map(str, sorted(near))) or "none; take an even width"
            raise SpecError(
                f"--heads {self.heads} does not divide --hidden {self.hidden} into even parts. Heads that do: {listed}.", "E-RANGE"
            )


def save_new_base(folder: Path, shape: Shape, tokenizer: PreTrainedTokenizerBase) -> int:
    """Draw a model and write it beside its tokenizer; the number of its parameters."""
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(shape.seed)
        model = _MAKERS[shape.kind](shape, tokenizer)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return sum(part.numel() for part in model.parameters())


def _encoder_decoder(shape: Shape, tokenizer: PreTrainedTokenizerBase) -> Any:
    sides = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (("layers", shape.layers), ("attention_heads", shape.heads), ("ffn_dim", 4 * shape.hidden))
    }
    config = PegasusConfig(
        d_model=shape.hidden,
        max_position_embeddings=shape.max_length,
        activation_function="gelu",
        # Tokens begin as large as their positions: after 150 steps on Multi30k 4.5 nats per token, with the usual 0.02 still 5.0.
        scale_embedding=True,
        init_std=shape.hidden**-0.5,
        decoder_start_token_id=tokenizer.pad_token_id,
        forced_eos_token_id=tokenizer.eos_token_id,
        **sides,
        **_common(tokenizer),
    )
    return PegasusForConditionalGeneration(config)


def _decoder(shape: Shape, tokenizer: PreTrainedTokenizerBase) -> Any:
    config = LlamaConfig(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        # three matrices of this width have as many numbers as two of four times the width
        intermediate_size=-(-8 * shape.hidden // 3 // 8) * 8,
        max_position_embeddings=shape.max_length,
        tie_word_embeddings=True,
        **_common(tokenizer),
    )
    return LlamaForCausalLM(config)


def _masked(shape: Shape, tokenizer: PreTrainedTokenizerBase) -> Any:
    config = BertConfig(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.hidden,
        max_position_embeddings=shape.max_length,
        **_common(tokenizer),
    )
    return BertForMaskedLM(config)


def _common(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


_MAKERS: dict[str, Callable[[Shape, PreTrainedTokenizerBase], Any]] = {
    "encoder-decoder": _encoder_decoder,
    "decoder": _decoder,
    "masked": _masked,
}
