"""Conversations: lists of turns, each with a role and what was said.

    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]

A stored conversation ends where the assistant has to speak; the reply stands in a column of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leantune.core.errors import Problems, nearest
from leantune.data.table import Table
from leantune.data.words import nested_in

CONVERSATION, REPLY = "conversation", "reply"
"""The columns of chats."""
ASSISTANT = "assistant"
ROLES = ("system", "user", ASSISTANT, "tool")
"""Who can speak."""

Turn = dict[str, str]
"""role and content."""


def turns_of(cell: str | None) -> list[Turn]:
    """The turns of a stored conversation.

    >>> turns_of('[{"role": "user", "content": "Hello"}]')
    [{'role': 'user', 'content': 'Hello'}]

    Raises:
        ValueError: with a sentence for people.
    """
    found = nested_in(cell)
    if not isinstance(found, list) or not found:
        raise ValueError(f'"{(cell or "")[:40]}" is no conversation. Write [{{"role": "user", "content": "..."}}].')
    return [turn(one, number) for number, one in enumerate(found, 1)]


def conversation_of(cell: str | None) -> str:
    """A conversation as it is stored; a text that is none is what the user says.

    >>> conversation_of("Hello")
    '[{"role": "user", "content": "Hello"}]'

    Raises:
        ValueError: with a sentence for people.
    """
    if not (cell or "").strip():
        raise ValueError("there is no text. Write what the user says, or delete the row.")
    text = str(cell)
    turns = turns_of(text) if text.lstrip().startswith("[") else [{"role": "user", "content": text}]
    return json.dumps(turns, ensure_ascii=False)


def refuse_no_conversations(table: Table, column: str, place: str) -> None:
    """Check that all rows are conversations, or texts.

    Raises:
        DataError: E-TEXT with the rows.
    """
    problems, row = Problems(place), 0
    for batch in table.batches([column]):
        for cell in batch.column(0).to_pylist():
            row += 1
            try:
                conversation_of(cell)
            except ValueError as error:
                problems.add(f'row {row}, column "{column}": {error}', "E-TEXT")
    problems.raise_if_any()


def turn(found: Any, number: int, *, names: tuple[str, str] = ("role", "content"), roles: Mapping[str, str] | None = None) -> Turn:
    """One turn.

    Args:
        found: what stands in the file.
        number: its place in the conversation, from 1.
        names: of its two fields.
        roles: other names of the roles.

    Raises:
        ValueError: with a sentence for people.
    """
    if not isinstance(found, dict) or not all(name in found for name in names):
        raise ValueError(f'turn {number} is no object with "{names[0]}" and "{names[1]}".')
    given, content = found[names[0]], _joined(found[names[1]], number)
    role = (roles or {}).get(given, given) if isinstance(given, str) else given
    if role not in ROLES:
        known = [*ROLES, *(roles or {})]
        close = nearest(str(given), known)
        hint = f" Closest: {close}." if close else ""
        raise ValueError(f'turn {number} has the unknown role "{given}".{hint} Roles: {", ".join(known)}.')
    if not content.strip():
        raise ValueError(f"turn {number} ({given}) is empty. Write what was said, or delete the row.")
    return {"role": role, "content": content}


def _joined(content: Any, number: int) -> str:
    """A text as it is, a list of parts as their texts; null as nothing."""
    if isinstance(content, list):
        return "".join(_text(part, number) for part in content)
    if content is not None and not isinstance(content, str):
        raise ValueError(f"turn {number}: the content is neither a text nor a list of parts.")
    return content or ""


def _text(part: Any, number: int) -> str:
    found = part.get("text") if isinstance(part, dict) and part.get("type", "text") == "text" else part
    if isinstance(found, str):
        return found
    kind = part.get("type") if isinstance(part, dict) else None
    raise ValueError(f"turn {number} has a part of the kind {kind or 'unknown'}. Only texts can be read.")
