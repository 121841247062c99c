"""The script's part for a prompt: the row in its words, and the words of the labels at its masks."""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from leantune.artifact.script.common import FOLDER, SETTINGS, answer
from leantune.data.cuts import kept


def said(text: str, filters: list[str]) -> str:
    """A text as the filters of the template make it."""
    text = text.strip()
    for name in filters:
        if name == "lower1":
            text = text[:1].lower() + text[1:]
        elif name == "nodot":
            text = text.rstrip(".。")
        elif name.startswith("max="):
            text = text[: int(name[4:])].rstrip()
    return text


def render(texts: list[str]) -> tuple[str, list[tuple[int, int]], list[tuple[int, int]]]:
    """The row in the words of the template, where its texts stand that may be shortened, and where the masks stand."""
    text, fields, masks = "", [], []
    for kind, part, filters in SETTINGS["template"]:
        if kind == "mask" and SETTINGS["reads"] == "next":
            text = text.rstrip()
            break
        piece = part if kind != "text" else said(texts[part], filters)
        span = (len(text), len(text) + len(piece))
        text += piece
        if kind == "mask":
            masks.append(span)
        elif kind == "text" and "keep" not in filters:
            fields.append(span)
    return text, [(start, min(end, len(text))) for start, end in fields], masks


def encode(tokenizer: Any, texts: list[str]) -> tuple[list[int], list[int]]:
    """Token numbers of a row, and at which of them words are sought."""
    text, fields, masks = render(texts)
    coded = tokenizer(text, return_offsets_mapping=True)
    ids, offsets = coded["input_ids"], coded["offset_mapping"]
    runs = [[at for at, (start, end) in enumerate(offsets) if first <= start < end <= last] for first, last in fields]
    sizes = [len(run) for run in runs]
    for _ in range(len(ids) - SETTINGS["max_length"]):
        sizes[sizes.index(max(sizes))] -= 1
    cut = zip(runs, sizes, SETTINGS["ways"], strict=False)
    gone = {at for run, most, way in cut for at in set(run) - {run[place] for place in kept(len(run), most, way)}}
    stays = [at for at in range(len(ids)) if at not in gone]
    if SETTINGS["reads"] == "next":
        ends = [place for place, at in enumerate(stays) if offsets[at][1] > offsets[at][0]]
        return [ids[at] for at in stays] or [tokenizer.pad_token_id or 0], ends[-1:] or [max(len(stays) - 1, 0)]
    seen = [any(max(offsets[at][0], start) < min(offsets[at][1], end) for start, end in masks) for at in stays]
    return [ids[at] for at in stays], [place for place, there in enumerate(seen) if there]


def by_words(logits: torch.Tensor) -> torch.Tensor:
    """Logits of the labels (labels,) from those of the vocabulary at the masks (masks, V)."""
    likely = logits.float().log_softmax(dim=-1)
    scores = [[[likely[at, token] for at, token in word] for word in words] for words in SETTINGS["words"]]
    return torch.stack([torch.stack([torch.stack(word).mean() for word in words]).mean() for words in scores])


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """The label whose words are the likeliest, and its probability."""
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    seen: list[torch.Tensor] = []
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    inner.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    head = load_file(FOLDER / "2_Dense" / "model.safetensors") if SETTINGS["soft"] else {}
    found = []
    for row, text in enumerate(texts):
        ids, places = encode(tokenizer, [text, pairs[row] if pairs else ""])
        written = {}
        if SETTINGS["reads"] == "apart":
            written = {"decoder_input_ids": torch.tensor([[SETTINGS["start"], *SETTINGS["written"]]])}
            places = [len(SETTINGS["written"])]
        logits = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), **written).logits[0]
        before = logits.shape[0] - (len(SETTINGS["written"]) + 1 if written else len(ids))  # virtual tokens
        at = [before + place for place in places]
        state = seen.pop()[0][at[0]]
        one = torch.nn.functional.linear(state, head["linear.weight"], head["linear.bias"]) if head else by_words(logits[at])
        found.append(answer(one, SETTINGS["labels"]))
    return found
