"""Sought tokens: a loss over the vocabulary needs the logits of few tokens, so the output embedding is shown no others.

    with only_at(body, sought) as narrowed:
        logits = body(**inputs).logits          (1, N, V) for the N sought tokens where `narrowed`, else (B, T, V)

The embedding of a small model is half of its work, and of a masked text one token in seven is sought.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peft import PeftModel
from torch import Tensor, nn


@contextmanager
def only_at(body: nn.Module, sought: Tensor | None) -> Iterator[bool]:
    """Narrow what the body's output embedding reads, for as long as the context lasts.

    Args:
        body: a model over a vocabulary, whatever a method put into it.
        sought: (B, T), true where the logits of a token are wanted; None for all.
    """
    model: Any = body.get_base_model() if isinstance(body, PeftModel) else body
    head = model.get_output_embeddings() if sought is not None else None
    if head is None or isinstance(head, nn.Embedding):  # a table that is multiplied elsewhere is never called
        yield False
        return

    def narrow(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        del module
        states, *rest = inputs
        # Virtual tokens stand in front of the text's own.
        return states[:, -sought.shape[1] :][sought].unsqueeze(0), *rest  # type: ignore[union-attr]

    handle = head.register_forward_pre_hook(narrow)
    try:
        yield True
    finally:
        handle.remove()


def at_sought(targets: Tensor, sought: Tensor | None) -> Tensor:
    """The targets that belong to narrowed logits: (1, N); all of them where nothing is narrowed."""
    return targets if sought is None else targets[sought].unsqueeze(0)
