"""A tokenizer from texts: byte-level BPE, so that any text can be written in its tokens and comes back as it was.

Sennrich et al. 2016 (arXiv:1508.07909), on bytes as in GPT-2 (Radford et al. 2019). Pieces of words that occur once are no tokens.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

PAD, END, UNKNOWN, START, MASK = "<pad>", "</s>", "<unk>", "<s>", "<mask>"
SPECIALS = (PAD, END, UNKNOWN, START, MASK)
"""In the order of their numbers."""
LEAST = len(SPECIALS) + 256
"""Tokens at least: one for each byte."""

AROUND = {"encoder-decoder": f"$A {END}", "decoder": "$A", "masked": f"{START} $A {END}"}
"""What stands around a text for each kind of model."""
AROUND_PAIRS = {"encoder-decoder": f"$A $B {END}", "decoder": "$A $B", "masked": f"{START} $A {END} $B:1 {END}:1"}


def train_tokenizer(texts: Iterable[str], kind: str, size: int, max_length: int) -> PreTrainedTokenizerBase:
    """Learn the tokens of texts.

    Args:
        texts: read once.
        kind: encoder-decoder, decoder or masked.
        size: tokens at most; fewer where the texts give no more.
        max_length: tokens that the model can take.
    """
    inner = Tokenizer(models.BPE(unk_token=UNKNOWN))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    around = processors.TemplateProcessing(
        single=AROUND[kind], pair=AROUND_PAIRS[kind], special_tokens=[(token, SPECIALS.index(token)) for token in (START, END)]
    )
    # offsets without the space before a word, which the byte-level pieces count to it
    inner.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), around])
    roles = {"pad_token": PAD, "eos_token": END, "unk_token": UNKNOWN, "bos_token": START, "mask_token": MASK}
    if kind == "masked":
        roles |= {"cls_token": START, "sep_token": END}
    types = ["token_type_ids"] if kind == "masked" else []
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        model_max_length=max_length,
        model_input_names=["input_ids", *types, "attention_mask"],
        clean_up_tokenization_spaces=False,
        **roles,
    )
