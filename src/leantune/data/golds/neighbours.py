"""Whether the second text follows the first one: "next" or "other"; plain text is made into such pairs."""

from __future__ import annotations

from leantune.data.golds.label import Label


class Neighbours(Label):
    """One of two labels."""

    from_passages = True

    def blank(self, words: int) -> None:
        """Passages say themselves what follows what."""
        del words


MEMBER = Neighbours()
