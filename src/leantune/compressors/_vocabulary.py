"""Tokens that nothing needs: the vocabulary cut to what the training rows are written in."""

from __future__ import annotations

from leantune.core.errors import SpecError
from leantune.core.human import percent
from leantune.kinds.compressor import Smaller, Vocabulary, Workshop
from leantune.models.fewer_tokens import chosen, fewer, unprunable
from leantune.models.network import Network
from leantune.models.vocabulary_rows import special_numbers, with_vocabulary


def without_tokens(network: Network, shop: Workshop, keep: float | None) -> Smaller:
    """Fewer tokens, and the rows of the tables that belong to them.

    Args:
        network: as it was trained.
        shop: with the tokenizer and how often each token occurs.
        keep: share of the vocabulary that is left; None for what occurs.

    Raises:
        SpecError: E-METHOD for a tokenizer whose parts are not known, and where the score depends on the vocabulary.
    """
    tokenizer = shop.tokenizer
    if reason := unprunable(tokenizer):
        raise SpecError(f"prune(vocabulary): {reason}.", "E-METHOD")
    if network.anatomy.vocabulary and not shop.writes:
        raise SpecError(
            "prune(vocabulary): how likely a text is among fewer tokens cannot be compared with how likely it is among all. "
            "It is for tasks with labels, and for texts that are written.",
            "E-METHOD",
        )
    config = network.body.config
    before, kept = len(tokenizer), chosen(tokenizer, shop.token_counts(), keep, special_numbers(config))
    left = fewer(tokenizer, kept)
    note = f"{len(kept):,} of {before:,} tokens are left ({percent(len(kept) / before)})"
    if keep is not None and len(kept) > round(keep * before):
        note += f", more than the {percent(keep)} that were asked for: special tokens, bytes and single characters stay"
    return Smaller(with_vocabulary(network, kept), [note], vocabulary=Vocabulary(left, kept))
