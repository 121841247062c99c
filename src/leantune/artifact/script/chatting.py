"""The script's part for conversations: lists of turns in the tokenizer's own template."""

from __future__ import annotations

import json
import sys
from typing import Any

from leantune.artifact.script.common import SETTINGS


def rendered(tokenizer: Any, turns: list[dict[str, str]]) -> list[int]:
    """Tokens of the turns, up to where the assistant begins to speak."""
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return found


def sources_of(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """What the model reads of each row; long conversations lose their oldest turns, never what the system says."""
    most, found = SETTINGS["max_length"] - SETTINGS["decoding"]["max_new_tokens"], []
    for number, text in enumerate(texts, 1):
        try:
            turns = json.loads(text) if text.lstrip().startswith("[") else [{"role": "user", "content": text}]
            while len(ids := rendered(tokenizer, turns)) > most:
                oldest = next((place for place, turn in enumerate(turns[:-1]) if turn["role"] != "system"), None)
                if oldest is None:
                    break
                del turns[oldest]
        except (ValueError, TypeError, KeyError):
            sys.exit(f'error: row {number} is no conversation: write [{{"role": "user", "content": "..."}}] or a text.')
        found.append(ids[-most:])
    return found
