"""Zero-shot: what a base makes of some rows behind a prompt before anything is trained.

logits = zero_shot(context, job, chunk)      (rows, C)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leantune.core.study import Job
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Room
from leantune.evaluate.predict import averaged, logits_of
from leantune.execution.attach import attach
from leantune.execution.context import Context


def zero_shot(context: Context, job: Job, chunk: ExampleChunk) -> NDArray[np.float32]:
    """Logits of rows; where several templates are averaged, the mean of their log-probabilities.

    Args:
        context: of the job, its wording settled.
        job: a prompt before `frozen`.
        chunk: the rows.
    """
    network = attach(context, job).network
    encoded = encode_rows(context.base.tokenizer, chunk, Room(context.conditions.max_length), context.pieces)
    if encoded.averages:
        return averaged(network, encoded, pad=context.pad, types=context.types, device=context.device)
    found = np.zeros((len(chunk), context.head.outputs), np.float32)
    for numbers, _, logits in logits_of(network, encoded, pad=context.pad, types=context.types, device=context.device):
        found[numbers] = logits.float().cpu().numpy()
    return found
