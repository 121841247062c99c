"""The script's part for virtual tokens before the text, which the pooling leaves out."""

from __future__ import annotations

from typing import Any

import torch


def token_states(body: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """States of the text's own tokens (rows, tokens, width)."""
    config, mask = body.active_peft_config, inputs["attention_mask"]
    before = mask.new_ones(len(mask), config.num_virtual_tokens)
    inputs = inputs | {"attention_mask": torch.cat([before, mask], dim=1)}
    prompt = body.get_prompt(batch_size=len(mask))
    if config.peft_type == "PREFIX_TUNING":
        states: torch.Tensor = body.get_base_model()(**inputs, past_key_values=prompt).last_hidden_state
        return states
    embedded = body.word_embeddings(inputs.pop("input_ids"))
    inputs["inputs_embeds"] = torch.cat([prompt.to(embedded.dtype), embedded], dim=1)
    if "token_type_ids" in inputs:
        inputs["token_type_ids"] = torch.cat([torch.zeros_like(before), inputs["token_type_ids"]], dim=1)
    virtual: torch.Tensor = body.get_base_model()(**inputs).last_hidden_state
    return virtual[:, config.num_virtual_tokens :]
