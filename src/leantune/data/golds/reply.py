"""What the assistant says next in a conversation, which is a JSON list of turns: `[{"role": "user", "content": "Hello"}]`."""

from __future__ import annotations

from collections.abc import Sequence

from leantune.core.errors import Problems
from leantune.data.chat import ASSISTANT, REPLY, Turn, turns_of
from leantune.data.facts import Facts
from leantune.data.golds._gold import Labelled, answers
from leantune.data.golds.text import Text, references
from leantune.data.table import Nested


class Reply(Text):
    """The references of a conversation, one or more texts."""

    pieces = "chat"

    def suits(self, facts: Facts, nested: Nested | None, *, of_words: bool) -> str | None:
        """A column of this name beside a column of lists."""
        del nested
        return f'"{facts.name}" holds the reply to each list of turns' if of_words and facts.name == REPLY else None

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Refuse what is no conversation too."""
        problems = Problems(source.place)
        for start, cells in source.cells():
            for row, (cell, said) in enumerate(zip(cells.column(0).to_pylist(), answers(cells), strict=True), start):
                try:
                    _refuse_told(turns_of(cell), references(said))
                except ValueError as error:
                    problems.add(f'row {row}, column "{source.columns.text}": {error}', "E-TEXT")
        problems.raise_if_any()
        super().check(source, labels)


def _refuse_told(turns: Sequence[Turn], replies: Sequence[str]) -> None:
    """Raise ValueError for a conversation that holds the reply already."""
    if turns[-1]["role"] == ASSISTANT and turns[-1]["content"] in replies:
        raise ValueError("the conversation ends with the reply itself. Leave that turn out.")


MEMBER = Reply()
