"""Virtual tokens: where their first values come from.

    starting_tokens(target, 16, "")          ->  (16,)                      tokens of the label words, the rest at random
    starting_vectors(target, ids)            ->  (16, embedding width)      their rows in the embedding
    starting_keys_values(target, ids)        ->  (16, 2 * layers * width)   keys and values that the body computes for them

Prompts that start from the words of the answers learn fastest (Lester et al. 2021, section 3.2, who fill up with sampled tokens too).
Prefixes that start as what the body itself computes for real words learn faster than random ones (Li and Liang 2021, section 7.4),
and unlike zeros they do not all stay alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leantune.core.errors import SpecError
from leantune.models.heads import is_transducer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from leantune.models.adaptation import Target
    from leantune.models.anatomy import Anatomy

SLOW = 3.0
"""Times the steps that others need: 30 passes and more over small sets where others have 12 (arXiv:2110.07602: up to 120)."""


def embedded_tokens(anatomy: Anatomy, tokens: int) -> dict[str, int]:
    """Options of every `peft` tuner that puts virtual tokens before the text.

    The width is that of the embeddings, which differs from the body's in ALBERT and ELECTRA.
    """
    return {
        "num_virtual_tokens": tokens,
        "num_layers": anatomy.layers_run,
        "num_attention_heads": anatomy.attention_heads,
        "token_dim": anatomy.embedding_width,
        "num_transformer_submodules": 1,  # peft would make a second set for a decoder, which nothing reads
    }


def starting_tokens(target: Target, tokens: int, text: str) -> Tensor:
    """Tokens to start from: those of `text`, of the answers' names without one, then random ones of torch's global generator.

    Raises:
        SpecError: E-OPTION for a text that the tokenizer does not know.
    """
    import torch

    own = target.numbers(text or " ".join(target.words)) if target.numbers else ()
    if text and not own:
        raise SpecError(f'text="{text}" has no token that the base model knows. Choose other words.', "E-OPTION")
    table: Any = target.body.get_submodule(target.anatomy.embeddings)
    drawn = torch.randint(0, table.num_embeddings, (tokens,), device=table.weight.device)
    count = min(len(own), tokens)
    drawn[:count] = torch.tensor(own[:count], dtype=drawn.dtype)
    return drawn


def starting_vectors(target: Target, ids: Tensor) -> Tensor:
    """What the body reads for these tokens (tokens, embedding width)."""
    import torch

    with torch.no_grad():
        found: Tensor = target.body.get_submodule(target.anatomy.embeddings)(ids)
    return found


def starting_keys_values(target: Target, tokens: Tensor) -> Tensor:
    """Keys and values that the body (an encoder-decoder's decoder) computes for a text of these tokens.

    Returns:
        (tokens, 2 * layers * width), for each layer the keys and then the values: the layout of `peft`'s prefix encoder.
    """
    import torch

    body, anatomy, ids = target.body, target.anatomy, tokens.unsqueeze(0)
    caught: dict[str, Tensor] = {}
    sites = [site for site in anatomy.at(["key", "value"]) if site.writes]
    hooks = [body.get_submodule(site.path).register_forward_hook(_catch(caught, site.path)) for site in sites]
    was_training = body.training
    try:
        with torch.no_grad():
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            body.eval()(**inputs | ({"decoder_input_ids": ids} if is_transducer(body.config) else {}))
    finally:
        body.train(was_training)
        for hook in hooks:
            hook.remove()
    parts: list[Tensor] = []
    for site in sites:
        parts.append(caught[site.path][0, :, -2 * anatomy.key_value_width :] if site.kind == "qkv" else caught[site.path][0])
    return torch.cat(parts, dim=-1)


def _catch(caught: dict[str, Tensor], path: str) -> Any:
    def hook(module: nn.Module, args: object, output: Tensor) -> None:
        del module, args
        caught[path] = output

    return hook


def match_spread(encoder: Any, table: Tensor) -> None:
    """Scale the last map of a prompt encoder so that virtual tokens spread like the tokens of the vocabulary `table` (V, D)."""
    import torch

    ids = torch.arange(encoder.total_virtual_tokens, device=table.device)
    last = encoder.mlp_head[-1]
    with torch.no_grad():
        drawn = encoder(ids.unsqueeze(0))
        factor = table.std() / drawn.std().clamp(min=1e-8)
        for parameter in last.parameters():
            parameter.mul_(factor)
