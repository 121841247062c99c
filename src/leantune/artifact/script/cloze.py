"""The script's part for a prompt: the row in its words, and the words of the labels at its masks."""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from leantune.artifact.script.common import FOLDER, SETTINGS, answer, scorer
from leantune.data.cuts import kept, words_of


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


def render(template: list[Any], texts: list[str]) -> tuple[str, dict[str, list[tuple[int, int]]]]:
    """The row in the words of the template, and where its texts stand that may be shortened, its masks and its soft tokens."""
    text, spans = "", dict[str, list[tuple[int, int]]](text=[], mask=[], soft=[])
    for kind, part, filters in template:
        if kind == "mask" and SETTINGS["reads"] == "next":
            text = text.rstrip()
            break
        piece = part if kind != "text" else said(texts[part], filters)
        span = (len(text), len(text) + len(piece))
        text += piece
        if kind != "said" and "keep" not in filters:
            spans[kind].append(span)
    return text, spans | {"text": [(start, min(end, len(text))) for start, end in spans["text"]]}


def beside(prompt: dict[str, Any], texts: list[str]) -> str:
    """What is shown beside a row: the first so many demonstrations of each label that are not the row itself."""
    counts, found = dict[str, int](), list[str]()
    for label, own, shown in prompt["shown"]:
        there = [text.strip() for text in own] == [text.strip() for text in texts[: len(own)]]
        if counts.get(label, 0) < prompt["each"] and not there:
            counts[label] = counts.get(label, 0) + 1
            found.append(shown)
    return prompt["joint"].join([*found, ""] if prompt["leads"] else ["", *found]) if found else ""


def encode(tokenizer: Any, prompt: dict[str, Any], texts: list[str], informed: Any) -> tuple[list[int], list[int]]:
    """Token numbers of a row, and at which of them words are sought."""
    text, spans = render(prompt["template"], texts)
    more = beside(prompt, texts)
    if prompt["leads"]:
        spans = {kind: [(start + len(more), end + len(more)) for start, end in own] for kind, own in spans.items()}
    text = more + text if prompt["leads"] else text + more
    coded = tokenizer(text, return_offsets_mapping=True)
    ids, offsets = coded["input_ids"], coded["offset_mapping"]
    runs = [[at for at, (start, end) in enumerate(offsets) if first <= start < end <= last] for first, last in spans["text"]]
    sizes = [len(run) for run in runs]
    for _ in range(len(ids) - SETTINGS["max_length"]):
        sizes[sizes.index(max(sizes))] -= 1
    cut = zip(runs, sizes, prompt["ways"], strict=False)
    gone = set[int]()
    for run, most, way in cut:
        scored = way["name"] == "compress" and len(run) > most
        surprise = informed([ids[at] for at in run]) if scored else []
        worth = list(zip(words_of(text, [offsets[at] for at in run]), surprise, strict=True)) if scored else None
        gone |= set(run) - {run[place] for place in kept(len(run), most, way, worth)}
    stays = [at for at in range(len(ids)) if at not in gone]
    inside = {
        kind: [at for at in stays if any(max(offsets[at][0], start) < min(offsets[at][1], end) for start, end in spans[kind])]
        for kind in ("mask", "soft")
    }
    for number, at in enumerate(inside["soft"]):
        ids[at] = -(number + 1)
    if SETTINGS["reads"] == "next":
        ends = [place for place, at in enumerate(stays) if offsets[at][1] > offsets[at][0]]
        return [ids[at] for at in stays] or [tokenizer.pad_token_id or 0], ends[-1:] or [max(len(stays) - 1, 0)]
    return [ids[at] for at in stays], [stays.index(at) for at in inside["mask"]]


def by_words(logits: torch.Tensor) -> torch.Tensor:
    """Logits of the labels (labels,) from those of the vocabulary at the masks (masks, V)."""
    likely = logits.float().log_softmax(dim=-1)
    scores = [[torch.stack([likely[at, token] for at, token in word]).mean() for word in words] for words in SETTINGS["words"]]
    return torch.stack([(torch.stack(own) - torch.tensor(priors)).mean() for own, priors in zip(scores, SETTINGS["priors"], strict=True)])


def soften(inner: Any) -> None:
    """Let the model read the trained vectors where tokens are negative."""
    vectors = load_file(FOLDER / "soft_tokens.safetensors")["vectors"]
    read: list[torch.Tensor] = []

    def hide(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        read.append(inputs[0])
        return inputs[0].clamp(min=0), *inputs[1:]

    def put(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        ids = read.pop()
        return output.index_put((ids < 0,), vectors[-1 - ids[ids < 0]])

    table = inner.get_input_embeddings().weight
    for part in inner.modules():
        if isinstance(part, torch.nn.Embedding) and part.weight is table:
            part.register_forward_pre_hook(hide)
            part.register_forward_hook(put)


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """The label whose words are the likeliest, on average of several templates, and its probability."""
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    seen: list[torch.Tensor] = []
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    inner.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    if any(kind == "soft" for prompt in SETTINGS["prompts"] for kind, _, _ in prompt["template"]):
        soften(inner)
    head = load_file(FOLDER / "2_Dense" / "model.safetensors") if SETTINGS["soft"] else {}
    found, informed = [], scorer()
    for row, text in enumerate(texts):
        said = []
        for prompt in SETTINGS["prompts"]:
            ids, places = encode(tokenizer, prompt, [text, pairs[row] if pairs else ""], informed)
            written = {}
            if SETTINGS["reads"] == "apart":
                written = {"decoder_input_ids": torch.tensor([[SETTINGS["start"], *SETTINGS["written"]]])}
                places = [len(SETTINGS["written"])]
            logits = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), **written).logits[0]
            before = logits.shape[0] - (len(SETTINGS["written"]) + 1 if written else len(ids))  # virtual tokens
            at = [before + place for place in places]
            state = seen.pop()[0][at[0]]
            one = torch.nn.functional.linear(state, head["linear.weight"], head["linear.bias"]) if head else by_words(logits[at])
            said.append(one.float().log_softmax(dim=-1))
        found.append(answer(torch.stack(said).mean(dim=0).numpy(), SETTINGS["labels"]))
    return found
