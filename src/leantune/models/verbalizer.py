"""Verbalizer: from the states at the masks of a prompt to one logit for each label, by the words of the labels.

    z_c = mean over words w of c of the mean over the tokens of w of log p(token at its mask), less the prior of w where there is one
    z_c = w_c h + b_c,   w_c and b_c at first the mean rows of c's words in the output embedding

References: Schick and Schuetze 2021, arXiv:2001.07676; Hambardzumyan et al. 2021, arXiv:2101.00121; priors: Zhao et al. 2021,
arXiv:2102.09690.

Letters: B pieces, M sought tokens, D width, V vocabulary, C labels, W words of a label at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from leantune.models.heads import Word

_NONE = -1
"""Where a label has fewer words, or a word fewer tokens, than the most."""


class Verbalizer(nn.Module):
    """Reads labels from the vocabulary; nothing in it is trained."""

    tokens: Tensor
    priors: Tensor

    def __init__(self, words: Sequence[Sequence[Word]], priors: Sequence[Sequence[float]] = ()) -> None:
        """Of each label the words, as `data.label_words` gives them, and what is subtracted from each; nothing without priors."""
        super().__init__()
        most = max(map(len, words))
        rows = [[*own, *[0.0] * (most - len(own))] for own in priors or [[0.0] * len(own) for own in words]]
        self.register_buffer("tokens", torch.tensor(_table(words)), persistent=False)
        self.register_buffer("priors", torch.tensor(rows), persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """(B, M, V) to (B, C)."""
        likely = logits.float().log_softmax(dim=-1)
        there = self.tokens != _NONE  # (C, W, M)
        of_tokens = torch.stack([likely[:, at, self.tokens[:, :, at].clamp(min=0)] for at in range(there.shape[-1])], dim=-1)
        of_words = _mean(of_tokens, there.unsqueeze(0)) - self.priors  # (B, C, W)
        return _mean(of_words, there.any(dim=-1).unsqueeze(0))


def sought_tokens(words: Sequence[Sequence[Word]]) -> tuple[int, ...]:
    """How many tokens are sought at each mask: as many as the longest word has there."""
    every = [word for own in words for word in own]
    return tuple(max(len(word[mask]) for word in every) for mask in range(len(every[0])))


@torch.no_grad()
def start_from_words(head: nn.Linear, output: Any, words: Sequence[Sequence[Word]]) -> None:
    """Let a head begin at the mean rows of the words at the first mask.

    Args:
        head: (C, D).
        output: the output embedding of the base, (V, D).
        words: of each label.
    """
    bias = getattr(output, "bias", None)
    for label, own in enumerate(words):
        numbers = torch.tensor([token for word in own for token in word[0]])
        head.weight[label] = output.weight[numbers].mean(dim=0)
        head.bias[label] = 0.0 if bias is None else bias[numbers].mean()


def drawn_back(head: nn.Linear, strength: float) -> Callable[[], Tensor]:
    """The penalty strength * ||W - W_0||^2, with W_0 the weights of the head as they are now.

    With few rows it keeps the head near the words, which say more than these rows do.
    """
    start = head.weight.detach().clone()
    return lambda: strength * (head.weight - start.to(head.weight.device)).square().sum()


def _table(words: Sequence[Sequence[Word]]) -> list[list[list[int]]]:
    """(C, W, M) tokens."""
    widths, most = sought_tokens(words), max(map(len, words))
    nothing = [_NONE] * sum(widths)
    table = [[list(nothing) for _ in range(most)] for _ in words]
    for row, own in zip(table, words, strict=True):
        for cells, word in zip(row, own, strict=False):
            for at, token in placed(word, widths):
                cells[at] = token
    return table


def placed(word: Word, widths: Sequence[int]) -> list[tuple[int, int]]:
    """(sought token, its number in the vocabulary) for each token of a word.

    >>> placed(((7, 8), (9,)), (3, 1))
    [(0, 7), (1, 8), (3, 9)]
    """
    starts = [sum(widths[:mask]) for mask in range(len(widths))]
    return [(start + at, token) for start, run in zip(starts, word, strict=True) for at, token in enumerate(run)]


def _mean(values: Tensor, there: Tensor) -> Tensor:
    """Over the last dimension, of what is there."""
    return (values * there).sum(dim=-1) / there.sum(dim=-1).clamp(min=1)
