"""Network: a body (plain or adapted) and its head, one forward from a batch to logits.

    stock     logits = body(batch).logits
    pooled    logits = head(pool(body(batch).last_hidden_state))     pool in mean, cls, last
    tokens    logits = head(body(batch).last_hidden_state)           one row for each token

Letters: B rows, T tokens, D hidden, C outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from peft import PeftModel, PeftModelForQuestionAnswering
from torch import Tensor, nn

from leantune.models.anatomy import Anatomy

POOLINGS = ("mean", "cls", "last")


@dataclass(frozen=True)
class Batch:
    """Encoded rows of about equal length, padded on the right."""

    input_ids: Tensor
    """(B, T) int64."""
    attention_mask: Tensor
    """(B, T) int64; 1 where a token stands."""
    token_type_ids: Tensor | None = None
    """(B, T) int64; 1 in the second text of a pair; None where the base has no such input."""
    targets: Tensor | None = None
    """What the loss compares the logits with."""

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if value is not None}
        return replace(self, **moved)

    def inputs(self) -> dict[str, Tensor]:
        """Keyword arguments of the body."""
        inputs = {"input_ids": self.input_ids, "attention_mask": self.attention_mask}
        return inputs if self.token_type_ids is None else inputs | {"token_type_ids": self.token_type_ids}


class Network(nn.Module):
    """Body and head. `body` is replaced by a method; `head` is None where the body brings its own."""

    def __init__(self, body: nn.Module, head: nn.Linear | None, pooling: str, anatomy: Anatomy) -> None:
        super().__init__()
        self.body, self.head, self.pooling, self.anatomy = body, head, pooling, anatomy

    def forward(self, batch: Batch) -> Tensor:
        """Logits (B, C), or (B, T, C) where every token is read."""
        if self.head is None:
            # peft's class for questions drops the token types, which tell the question from the text; what it wraps takes them.
            body = self.body.base_model if isinstance(self.body, PeftModelForQuestionAnswering) else self.body
            found = body(**batch.inputs())
            logits: Tensor = found.logits if "logits" in found else torch.stack([found.start_logits, found.end_logits], dim=-1)
            return logits
        return self.head(self.embed(batch))  # type: ignore[no-any-return]

    def embed(self, batch: Batch) -> Tensor:
        """What the head reads: pooled states (B, D) or token states (B, T, D); only where it is outside the body."""
        states = token_states(self.body, batch)
        return states if self.pooling == "tokens" else pool(states, batch.attention_mask, self.pooling)

    def head_parameters(self) -> frozenset[str]:
        """Names of the outer head's parameters; empty where the body brings its own head."""
        return frozenset() if self.head is None else frozenset(f"head.{name}" for name, _ in self.head.named_parameters())


def token_states(body: nn.Module, batch: Batch) -> Tensor:
    """States of the text's own tokens (B, T, D); those of virtual tokens before it are left out.

    `peft` drops the token types where it prepends; here they are kept, so that pairs stay pairs.
    """
    if not (isinstance(body, PeftModel) and body.active_peft_config.is_prompt_learning):
        return body(**batch.inputs()).last_hidden_state  # type: ignore[no-any-return]
    rows, virtual = len(batch.input_ids), body.active_peft_config.num_virtual_tokens
    before = batch.attention_mask.new_ones(rows, virtual)
    inputs = batch.inputs() | {"attention_mask": torch.cat([before, batch.attention_mask], dim=1)}
    prompt = body.get_prompt(batch_size=rows)
    if body.active_peft_config.peft_type == "PREFIX_TUNING":
        return body.get_base_model()(**inputs, past_key_values=prompt).last_hidden_state  # type: ignore[no-any-return, operator]
    embedded = body.word_embeddings(inputs.pop("input_ids"))
    inputs["inputs_embeds"] = torch.cat([prompt.to(embedded.dtype), embedded], dim=1)
    if batch.token_type_ids is not None:
        inputs["token_type_ids"] = torch.cat([torch.zeros_like(before), batch.token_type_ids], dim=1)
    states: Tensor = body.get_base_model()(**inputs).last_hidden_state  # type: ignore[operator]
    return states[:, virtual:]


def pool(states: Tensor, mask: Tensor, kind: str) -> Tensor:
    """Pool token states (B, T, D) under mask (B, T) into (B, D): the mean of the tokens, the first one or the last one."""
    if kind == "cls":
        return states[:, 0]
    if kind == "last":
        last = mask.sum(dim=1) - 1
        return states[torch.arange(len(states), device=states.device), last]
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)
