"""States of texts that are no rows of the study: words of labels, texts that a floor or a prompt asks about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Room
from leantune.evaluate.predict import make_batch
from leantune.execution.context import Context
from leantune.execution.feed import Read, states_of
from leantune.models.network import Batch


def embedded(context: Context, read: Read, chunk: ExampleChunk) -> NDArray[np.float32]:
    """States (rows, D) of any texts through a frozen body."""
    encoded = encode_rows(context.base.tokenizer, chunk, Room(context.conditions.max_length))

    def batch(pieces: NDArray[np.int64]) -> Batch:
        return make_batch(encoded.padded(pieces, context.pad), types=context.types).to(context.device)

    return states_of(read, encoded.lengths, batch)
