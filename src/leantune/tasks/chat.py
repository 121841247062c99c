"""Chat: what the assistant says next in a conversation, in the tokenizer's own template. Score: ROUGE-L and exact match beside the reply.

    {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi!"}]}; ShareGPT and Alpaca files too

The loss is on all that the assistant says, and on nothing else.
"""

from __future__ import annotations

from typing import ClassVar

from leantune.data.chat import turns_of
from leantune.tasks._written import Written


class Chat(Written):
    """The assistant's next turn."""

    name: ClassVar[str] = "chat"
    summary: ClassVar[str] = "writes the assistant's next turn in a conversation"
    inputs: ClassVar[str] = "messages (ShareGPT and Alpaca files too), or conversation with reply"
    gold: ClassVar[str] = "reply"
    metrics: ClassVar[tuple[str, ...]] = ("rougeL", "rouge1", "rouge2", "exact", "bleu", "chrf")

    def plainly(self, text: str) -> str:
        """Who said what, turn by turn."""
        return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns_of(text))


MEMBER = Chat()
