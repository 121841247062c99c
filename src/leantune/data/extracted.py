"""Questions whose answers are words of a text, without a place: recognised by the names of the columns and by where the answers stand.

{"question": "Who sings?", "context": "Karl sings.", "answer": "Karl"}
"""

from __future__ import annotations

from leantune.data.names import plain
from leantune.data.table import Table
from leantune.data.words import nested_in

QUESTIONS = ("question", "query")
TEXTS = ("context", "passage", "paragraph", "article", "document", "text")
ANSWERS = ("answer", "answers", "answer_text", "answer_span", "short_answer")

Three = tuple[str, str, str]
"""Names of the columns of question, text and answer."""


def answer_columns(table: Table) -> Three | None:
    """The columns of a file of such questions; None for any other file."""
    known = {plain(name): name for name in reversed(table.columns)}
    found = [next((known[name] for name in names if name in known), None) for names in (QUESTIONS, TEXTS, ANSWERS)]
    question, text, answer = found
    return (question, text, answer) if question and text and answer and stand_in(table, text, answer) else None


def stand_in(table: Table, text: str, answer: str) -> bool:
    """Whether most of the first answers are plain words that stand in their text."""
    if answer in table.nested:
        return False
    first = next(iter(table.batches([text, answer])), None)
    rows = [] if first is None else zip(*(column.to_pylist() for column in first), strict=True)
    given = [(context or "", said) for context, said in rows if said and said.strip()]
    return bool(given) and 2 * sum(nested_in(said) is None and said in context for context, said in given) > len(given)
