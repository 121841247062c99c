"""Plain text as pairs of neighbours: a passage is cut between two sentences, and half of the second parts change places.

    "It rained. We stayed in. The film was long."   ->   text "It rained."  text_pair "We stayed in. The film was long."  label "next"
                                                         text "It rained."  text_pair "She sold the house."               label "other"

Where a passage is cut, and whether its second part is exchanged, depends on the passage alone (Devlin et al. 2019, arXiv:1810.04805,
section 3.1).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from leantune.core.errors import Problems
from leantune.core.human import plural
from leantune.data.intake import Inference, in_chunks
from leantune.data.losses import loss
from leantune.data.table import Chunk

NEXT, OTHER = "next", "other"
_SENTENCE = re.compile(r"(?<=[.!?;:])\s+|(?<=[。！？；])|\n+")


def neighbour_rows(chunks: Iterable[Chunk], problems: Problems, notes: list[Inference]) -> Iterator[Chunk]:
    """Chunks of pairs where a file holds texts and nothing else; chunks of other files as they are."""
    rest = iter(chunks)
    first = next(rest, None)
    if first is None or list(first) != ["text"]:
        yield from chain([first] if first else [], rest)
        return
    lone: list[tuple[int, str]] = []
    passages = 0

    def texts() -> Iterator[Any]:
        nonlocal passages
        for chunk in chain([first], rest):
            passages += len(chunk["text"])
            yield from chunk["text"]

    yield from in_chunks(_pairs(texts(), lone))
    if lone:
        why = f"{plural(len(lone), 'passage')}; a pair needs two sentences"
        notes.append(loss("passages left out", problems.place, lone, of=passages, why=why))


def _pairs(texts: Iterable[Any], lone: list[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    """Rows in the order of the passages; exchanged ones stand where the passage stands whose second part they got."""
    waiting: tuple[str, str] | None = None
    seconds: str | None = None
    for row, text in enumerate(texts, 1):
        sentences = [part for part in _SENTENCE.split(str(text or "")) if part.strip()]
        if len(sentences) < 2:
            lone.append((row, str(text or "")))
            continue
        number = zlib.crc32(" ".join(sentences).encode("utf-8"))
        at = 1 + (number >> 1) % (len(sentences) - 1)
        first, second = " ".join(sentences[:at]), " ".join(sentences[at:])
        if number % 2:
            yield {"text": first, "text_pair": second, "label": NEXT}
        elif waiting is None:
            waiting, seconds = (first, second), second
        else:
            yield {"text": waiting[0], "text_pair": second, "label": OTHER}
            waiting = (first, second)
    if waiting is not None:
        alone = seconds == waiting[1]
        yield {"text": waiting[0], "text_pair": seconds, "label": NEXT if alone else OTHER}
