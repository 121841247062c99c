"""Fewer tokens: what is kept is read as before under new numbers, and every other text still can be."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from leantune.models.base import load_tokenizer
from leantune.models.fewer_tokens import chosen, fewer, unprunable

SEEN = ["the movie was great", "i love this book", "where is my order", "hello hello movie books"]
OTHERS = ["the worst day of all xylophones", "never pay late", "zzz qqq!", "a"]
BYTES = [f"<0x{number:02X}>" for number in range(256)]
ROLES = {"cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}


def wrapped(inner: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=64, **ROLES)


def sentence_pieces() -> PreTrainedTokenizerFast:
    """As XLM-RoBERTa has it: a mask that is no piece stands behind them."""
    inner = Tokenizer(models.Unigram())
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=specials, unk_token="<unk>", show_progress=False)
    inner.train_from_iterator([*SEEN, *OTHERS] * 3, trainer)
    inner.add_special_tokens(["<mask>"])
    inner.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return wrapped(inner)


def merged_pieces() -> PreTrainedTokenizerFast:
    """As Llama has it: a token can be merged in several ways, and what is no token is written in bytes."""
    letters = sorted(set("".join(SEEN)) - {" "})
    words = ["▁the", "▁th", "he", "th", "▁t", "▁he", "movie", "mo", "vie", "vi", "mov", "ie", "ll", "ell", "hell", "el", "hel", "ello"]
    tokens = ["<unk>", "<s>", "</s>", "<pad>", "<mask>", *BYTES, "▁", *letters, *words]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    merges = [(w[:cut], w[cut:]) for w in sorted(words, key=len) for cut in range(1, len(w)) if {w[:cut], w[cut:]} <= vocabulary.keys()]
    inner = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return wrapped(inner)


def byte_pieces() -> PreTrainedTokenizerFast:
    """As RoBERTa has it."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=specials, initial_alphabet=alphabet, show_progress=False)
    inner.train_from_iterator([*SEEN, *OTHERS] * 3, trainer)
    inner.post_processor = processors.Sequence([processors.ByteLevel(), processors.RobertaProcessing(("</s>", 2), ("<s>", 0))])
    return wrapped(inner)


MADE: dict[str, Callable[[], Any]] = {"unigram": sentence_pieces, "merges": merged_pieces, "bytes": byte_pieces}


@pytest.fixture(params=["bert", "gpt2", "t5", *MADE])
def tokenizer(request: pytest.FixtureRequest, tiny: Callable[[str], Path]) -> Any:
    return MADE[request.param]() if request.param in MADE else load_tokenizer(str(tiny(request.param)))


def counts(tokenizer: Any, texts: list[str]) -> np.ndarray:
    ids = [number for text in texts for number in tokenizer(text)["input_ids"]]
    return np.bincount(ids, minlength=1 + max(tokenizer.get_vocab().values()))


def test_what_is_kept_is_read_as_before(tokenizer: Any, tmp_path: Path) -> None:
    kept = chosen(tokenizer, counts(tokenizer, SEEN), None)
    left = fewer(tokenizer, kept)
    assert len(left) == len(kept) < len(tokenizer)
    left.save_pretrained(tmp_path)
    plain = AutoTokenizer.from_pretrained(tmp_path)
    for text in [*SEEN, "the book", "movie", "my order was great"]:
        old = tokenizer(text)["input_ids"]
        if set(old) <= set(kept.tolist()):
            assert kept[plain(text)["input_ids"]].tolist() == old
            assert plain.tokenize(text) == tokenizer.tokenize(text)
    assert all(set(tokenizer(text)["input_ids"]) <= set(kept.tolist()) for text in SEEN)
    for first, second in pairwise(SEEN):
        assert kept[plain(first, second)["input_ids"]].tolist() == tokenizer(first, second)["input_ids"]
    assert plain.special_tokens_map == tokenizer.special_tokens_map


def test_any_text_can_still_be_read(tokenizer: Any) -> None:
    left = fewer(tokenizer, chosen(tokenizer, counts(tokenizer, SEEN), None))
    for text in OTHERS:
        assert len(left(text)["input_ids"]) >= len(tokenizer(text)["input_ids"])
        if tokenizer.unk_token_id not in tokenizer(text)["input_ids"]:
            assert left.unk_token_id is None or left.unk_token_id not in left(text)["input_ids"]
            assert left.decode(left(text)["input_ids"], skip_special_tokens=True) == tokenizer.decode(
                tokenizer(text)["input_ids"], skip_special_tokens=True
            )


def test_a_share_keeps_the_most_frequent_and_what_must_stay(tokenizer: Any) -> None:
    seen = counts(tokenizer, SEEN)
    least = chosen(tokenizer, seen, 1e-9)
    kept = chosen(tokenizer, seen, 0.95)
    assert set(least) < set(kept)
    assert len(kept) <= round(0.95 * len(tokenizer))
    assert set(tokenizer.all_special_ids) <= set(least.tolist())
    assert len(fewer(tokenizer, least)("the movie")["input_ids"]) > len(tokenizer("the movie")["input_ids"])


def test_tokens_that_are_named_stay(tokenizer: Any) -> None:
    last = max(tokenizer.get_vocab().values())
    seen = counts(tokenizer, [])
    assert last in chosen(tokenizer, seen, None, [last, 10**6])


def test_other_tokenizers_are_refused() -> None:
    inner = Tokenizer(models.WordLevel({token: number for number, token in enumerate(ROLES.values())}, unk_token="<unk>"))
    assert "its tokenizer is a WordLevel" in str(unprunable(wrapped(inner)))
    assert unprunable(byte_pieces()) is None
