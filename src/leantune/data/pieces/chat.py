"""A conversation and the reply, in the tokenizer's own template. Mark: the token that shall follow, for all that the assistant says.

The loss is on the assistant's turns only; a model writes the last one. Conversations that are too long lose their oldest turns (never what
the system says), then the beginning of what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from leantune.core.errors import SpecError
from leantune.data.chat import ASSISTANT, Turn, turns_of
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer, end_of_text, filler, flat

PLAIN_TEMPLATE = (
    "{% for turn in messages %}{{ turn['role'] | capitalize }}: {{ turn['content'] }}"
    "{% if turn['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For tokenizers without a template of their own; it is stored with the tokenizer of an artifact."""

Span = tuple[list[int], bool]
"""Some tokens, and whether the assistant says them."""


class Chat(Pieces):
    """A conversation with its reply in one piece."""

    width: ClassVar[int] = 1
    template: ClassVar[str | None] = PLAIN_TEMPLATE
    loses: ClassVar[str | None] = "would lose their oldest turns"

    def most_read(self, room: Room, bare: Callable[[list[str], list[str] | None], Sequence[int]]) -> int:
        """The conversation and the reply stand in one piece."""
        del bare
        return room.length - room.target

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        if room.target >= room.length:
            raise SpecError(
                f"{room.target} tokens to write leave no room for the conversation in {room.length}. Raise --max-length.", "E-RANGE"
            )
        end, pieces = end_of_text(tokenizer), list[tuple[list[int], list[int], int]]()
        for text, reply in zip(chunk.texts, chunk.targets or [""] * len(chunk), strict=True):
            turns, said = turns_of(text), _reply(tokenizer, turns_of(text), reply, end)[: room.target]
            spans = _fitting(tokenizer, turns, room.length - room.target)
            pieces.append(_piece(spans, said, filler(tokenizer)))
        wholes, marks, firsts = ([piece[part] for piece in pieces] for part in range(3))
        table = np.array([[len(whole) for whole in wholes], firsts, range(len(wholes))], dtype=np.int64).T  # type: ignore[arg-type]
        return Part(flat(wholes), table, len(chunk), flat(marks))  # type: ignore[arg-type]


def rendered(tokenizer: Any, turns: list[Turn], *, prompt: bool) -> str:
    """Turns in the tokenizer's template; with `prompt` up to where the assistant begins to speak."""
    template = getattr(tokenizer, "chat_template", None) or PLAIN_TEMPLATE
    return str(tokenizer.apply_chat_template(turns, chat_template=template, tokenize=False, add_generation_prompt=prompt))


def written_out(tokenizer: Any, conversation: str) -> str:
    """A stored conversation up to where the assistant has to speak, as it is read where nothing is cut."""
    return rendered(tokenizer, turns_of(conversation), prompt=True)


def _piece(spans: list[Span], said: list[int], fill: int) -> tuple[list[int], list[int], int]:
    """Tokens, marks, and how many tokens stand before the reply."""
    before = [token for tokens, _ in spans for token in tokens] or [fill]
    spoken = [speaks for tokens, speaks in spans for _ in tokens] or [False]
    whole, spoken = [*before, *said], [*spoken, *([True] * len(said))]
    following = [*whole[1:], -1]
    marks = [token if speaks else -1 for token, speaks in zip(following, [*spoken[1:], False], strict=True)]
    return whole, marks, len(before)


def _fitting(tokenizer: Any, turns: list[Turn], most: int) -> list[Span]:
    """The conversation up to where the reply begins, without its oldest turns where it is too long."""
    kept = list(turns)
    while True:
        spans = _spans(tokenizer, kept)
        surplus = sum(len(tokens) for tokens, _ in spans) - most
        place = next((place for place, turn in enumerate(kept) if turn["role"] != "system"), len(kept))
        if surplus <= 0 or place >= len(kept) - 1:
            break
        del kept[place]
    for number, (tokens, speaks) in enumerate(spans):
        cut = min(len(tokens), max(0, surplus))
        spans[number], surplus = (tokens[cut:], speaks), surplus - cut
    return spans


def _spans(tokenizer: Any, turns: list[Turn]) -> list[Span]:
    """What the assistant says and all else, in turn; a template that shows earlier turns otherwise than the last one gives one span."""
    spans, shown = list[Span](), ""
    whole = rendered(tokenizer, turns, prompt=True)
    for place, turn in enumerate(turns):
        if turn["role"] == ASSISTANT:
            prompt, full = rendered(tokenizer, turns[:place], prompt=True), rendered(tokenizer, turns[: place + 1], prompt=False)
            if not (prompt.startswith(shown) and full.startswith(prompt) and whole.startswith(full)):
                return [(_tokens(tokenizer, whole), False)]
            spans += [(_tokens(tokenizer, prompt[len(shown) :]), False), (_tokens(tokenizer, full[len(prompt) :]), True)]
            shown = full
    return [*spans, (_tokens(tokenizer, whole[len(shown) :]), False)]


def _reply(tokenizer: Any, turns: list[Turn], reply: str, end: int) -> list[int]:
    """Tokens of the reply as the template shows it, up to the end token."""
    prompt, full = (
        rendered(tokenizer, turns, prompt=True),
        rendered(tokenizer, [*turns, {"role": ASSISTANT, "content": reply}], prompt=False),
    )
    tokens = _tokens(tokenizer, full[len(prompt) :] if full.startswith(prompt) else reply)
    return [*tokens[: tokens.index(end)], end] if end in tokens else [*tokens, end]


def _tokens(tokenizer: Any, text: str) -> list[int]:
    found: list[int] = tokenizer(text, add_special_tokens=False, return_attention_mask=False)["input_ids"]
    return found


MEMBER = Chat()
