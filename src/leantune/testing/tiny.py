"""Tiny random models of many families with a tiny real tokenizer, made offline in a moment, for tests and trials.

    make("roberta", folder) -> folder        open_base(str(folder)) then works as it does for a real base

Two layers, width 32, seeded. The checkpoints hold the bare transformer, as pretrained ones do, so heads (and where the
family has it the pooler) are missing and must be trained and saved.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CONFIG_MAPPING, AutoModel, PreTrainedTokenizerFast

from leantune.models.quiet import quiet

_TEXT = (
    "the a an and or not no is was it this that i you we my your to of in on for with good great fine nice happy love best"
    " bad awful poor sad hate worst card bank money lost found late early paid price ship order help please hello"
    " movie book food day very so never always where when what who red blue one two three"
)
WORDS = tuple(_TEXT.split())
"""Words that are one token; all others are spelled letter by letter."""

POSITIONS = 128
_BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_END = ("<|endoftext|>",)
_T5 = ("<pad>", "</s>", "<unk>")
_T5_SIGNS = (*_T5, "<extra_id_0>", "<extra_id_1>", "<extra_id_2>")
_ROLES: dict[tuple[str, ...], dict[str, str]] = {
    _BERT: {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"},
    _ROBERTA: {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"},
    _END: {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
    _T5: {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
    _T5_SIGNS: {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
}


@dataclass(frozen=True)
class Family:
    """How one family is made tiny."""

    model_type: str
    """Key of the configuration in `transformers`."""
    specials: tuple[str, ...] = _BERT
    """Special tokens, in the order of their ids."""
    pairs: bool = False
    """Whether token types tell the two texts of a pair apart."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Configuration values on top of the common ones."""
    pooling: str | None = None
    """Saved as a sentence encoder with this pooling."""


_ROBERTA_IDS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "max_position_embeddings": POSITIONS + 2}
_DECODER_IDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}
_DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 16,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "position_biased_input": False,
    "type_vocab_size": 0,
}
_MODERNBERT = {
    "global_attn_every_n_layers": 2,
    "local_attention": 16,
    "pad_token_id": 0,
    "cls_token_id": 2,
    "sep_token_id": 3,
    "bos_token_id": 2,
    "eos_token_id": 3,
}

FAMILIES: dict[str, Family] = {
    "bert": Family("bert", pairs=True),
    "sentence-bert": Family("bert", pairs=True, pooling="mean"),
    "roberta": Family("roberta", _ROBERTA, changes={**_ROBERTA_IDS, "type_vocab_size": 1}),
    "xlm-roberta": Family("xlm-roberta", _ROBERTA, changes={**_ROBERTA_IDS, "type_vocab_size": 1}),
    "distilbert": Family("distilbert", changes={"hidden_dim": 64}),
    "albert": Family("albert", pairs=True, changes={"embedding_size": 16}),
    "electra": Family("electra", pairs=True, changes={"embedding_size": 16}),
    "deberta-v2": Family("deberta-v2", changes=_DEBERTA),
    "mpnet": Family("mpnet", _ROBERTA, changes=_ROBERTA_IDS),
    "modernbert": Family("modernbert", changes=_MODERNBERT),
    "gpt2": Family("gpt2", _END, changes=_DECODER_IDS),
    "llama": Family("llama", _END, changes={**_DECODER_IDS, "num_key_value_heads": 2, "tie_word_embeddings": True}),
    "qwen2": Family("qwen2", _END, changes={**_DECODER_IDS, "num_key_value_heads": 2}),
}
"""Every family that the laws run over."""

_T5_SHAPE = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
_BART_SHAPE = {
    **{
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 64))
    },
    **{"d_model": 32, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 1, "decoder_start_token_id": 0, "forced_eos_token_id": 1},
}
TRANSDUCERS: dict[str, Family] = {
    "t5": Family("t5", _T5, changes=_T5_SHAPE),
    "t5-spans": Family("t5", _T5_SIGNS, changes=_T5_SHAPE),
    "bart": Family("bart", _T5, changes=_BART_SHAPE),
    "marian": Family("marian", _T5, changes={**_BART_SHAPE, "bos_token_id": None}),
}
"""Encoder-decoders, which write texts."""


def make(family: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a tiny random model and its tokenizer into `folder` and return it; the weights depend on `seed` only."""
    kind = (FAMILIES | TRANSDUCERS)[family]
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(kind)
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed)
        AutoModel.from_config(_config(kind, len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if kind.pooling:
        _as_sentence_encoder(folder, kind.pooling)
    return folder


def _config(kind: Family, vocabulary: int) -> Any:
    common = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": POSITIONS,
        "initializer_range": 0.1,
    }
    return CONFIG_MAPPING[kind.model_type](**common | kind.changes)


def _tokenizer(kind: Family) -> PreTrainedTokenizerFast:
    roles = _ROLES[kind.specials]
    inner = _byte_pairs(kind.specials) if kind.specials == _END else _word_pieces(kind.specials, roles, pairs=kind.pairs)
    inputs = ["input_ids", *(["token_type_ids"] if kind.pairs else []), "attention_mask"]
    found = PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=POSITIONS, model_input_names=inputs, **roles)
    found.add_tokens([token for token in kind.specials if token not in roles.values()], special_tokens=True)
    return found


def _word_pieces(specials: tuple[str, ...], roles: dict[str, str], *, pairs: bool) -> Tokenizer:
    """An encoder's tokenizer: known words and single letters, a start (where there is one) and an end token around each text."""
    symbols = string.ascii_lowercase + string.digits + string.punctuation
    words = list(dict.fromkeys([*specials, *WORDS, *symbols, *(f"##{symbol}" for symbol in symbols)]))
    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token=roles["unk_token"]))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    ends = (roles["cls_token"], roles["sep_token"]) if "cls_token" in roles else ("", roles["eos_token"])
    tokenizer.post_processor = _template(*ends, words, pairs=pairs)
    return tokenizer


def _byte_pairs(specials: tuple[str, ...]) -> Tokenizer:
    """A decoder's tokenizer: byte pairs learned from the words, nothing around a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([f" {word}" for word in WORDS], trainer)
    return tokenizer


def _template(start: str, end: str, words: list[str], *, pairs: bool) -> processors.TemplateProcessing:
    second = 1 if pairs else 0
    return processors.TemplateProcessing(
        single=f"{start} $A {end}".strip(),
        pair=f"{start} $A {end} $B:{second} {end}:{second}".strip(),
        special_tokens=[(token, words.index(token)) for token in (start, end) if token],
    )


def _as_sentence_encoder(folder: Path, pooling: str) -> None:
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pool = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_cls_token": pooling == "cls"}
    for name, content in {
        "modules.json": modules,
        "1_Pooling/config.json": pool,
        "sentence_bert_config.json": {"max_seq_length": 64, "do_lower_case": False},
    }.items():
        (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
