"""Answers to multiple choice: `{"text": the option, "scores": how likely each of the row's options is}`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leantune.data.examples import ExampleChunk
from leantune.kinds.task import Decoded


def options_of(chunk: ExampleChunk) -> list[list[str]]:
    """The options of each row."""
    return [json.loads(pair) for pair in chunk.pairs or []]


def chosen(rows: Iterable[tuple[Sequence[str], NDArray[Any]]]) -> Decoded:
    """The likeliest option of each row.

    Args:
        rows: the options and their probabilities, of each row.
    """
    answers, confidence = list[dict[str, Any]](), list[float]()
    for options, likely in rows:
        answers.append({"text": options[int(likely.argmax())], "scores": likely.tolist()})
        confidence.append(float(likely.max()))
    return Decoded(answers, np.array(confidence, dtype=np.float32))


def closest(chunk: ExampleChunk, likeness: Callable[[list[str], list[str]], NDArray[Any]]) -> Iterator[tuple[list[str], NDArray[Any]]]:
    """The options of some rows and how like the text each is.

    Args:
        chunk: the rows.
        likeness: of texts and as many other texts.
    """
    rows = options_of(chunk)
    texts = [text for text, options in zip(chunk.texts, rows, strict=True) for _ in options]
    found = likeness(texts, [option for options in rows for option in options])
    ends = np.cumsum([len(options) for options in rows])
    yield from zip(rows, np.split(found, ends[:-1]), strict=True)
