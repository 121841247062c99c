"""Reloading: what a trial saved is read back, must say what the trained network said, and is measured as it will be delivered.

A trial asks for it through `Context.reload`: the worker does it in a process that has trained nothing (`execution.forks`).
Where a system has no such processes, the trial's own does it.
"""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.errors import LeantuneError
from leantune.core.files import write_atomic
from leantune.core.measured import Latency, Reloaded
from leantune.core.study import Conditions, Job
from leantune.evaluate.latency import latency
from leantune.evaluate.predict import mean_of_rows, read_logits
from leantune.execution.context import Context
from leantune.kinds.task import Decoded
from leantune.models.delta import read_delta
from leantune.models.four_bit import ROUNDING, is_packed
from leantune.models.network import Network, parameter_count, weight_bytes
from leantune.models.tying import untied

DELTA, GOLDEN = "delta", "golden.json"
ROWS = 32
"""Of dev, whose logits are kept."""
LONG_ROWS = 8
"""The longest rows among them, where long rows are not read as every library reads them."""
TOLERANCE = 1e-3
"""Largest difference of a logit between the trained and the reloaded, merged model."""


def write_golden(context: Context, network: Network, dev: Decoded, folder: Path) -> None:
    """Keep some dev rows with the logits and the answers that the trained network gives them."""
    examples, labels = context.dataset.splits["dev"], context.dataset.labels
    rows = np.linspace(0, len(examples) - 1, min(ROWS, len(examples)), dtype=np.int64)
    if not context.long.is_head:
        longest = np.argsort(-context.encoded("dev").units.lengths, kind="stable")[:LONG_ROWS]
        rows = np.union1d(rows, longest)
    answers = [[context.task.named(dev.predicted[row], labels), float(dev.confidence[row])] for row in rows]
    golden = {"rows": rows.tolist(), "inputs": examples.inputs(rows), "logits": _logits(context, network, rows), "answers": answers}
    write_atomic(folder / GOLDEN, json.dumps(golden))


def reload(run: Path, conditions: Conditions, job: Job, folder: Path) -> Reloaded:
    """Open the study, read what a trial saved in a folder, compare it with the golden rows and measure it."""
    try:
        return _reload(Context(run, conditions).of(job).settled_in(folder), job, folder)
    except LeantuneError as error:
        return Reloaded(problem=error.message)
    except Exception as error:  # noqa: BLE001  whatever it is, the model cannot be read back
        traceback.print_exc()
        return Reloaded(problem=f"reading it back failed: {type(error).__name__}: {error}")


def _reload(context: Context, job: Job, folder: Path) -> Reloaded:
    network = read_delta(context.base, folder / DELTA, context.head, merge=True)
    network.body = untied(network.body)  # as plain libraries load it
    network.to(context.device)
    golden = json.loads((folder / GOLDEN).read_bytes())
    difference, largest = _difference(golden["logits"], _logits(context, network, np.array(golden["rows"], dtype=np.int64)))
    packed = is_packed(getattr(network.body, "config", None))
    allowed = ROUNDING * max(1.0, largest) if packed else TOLERANCE
    if not difference <= allowed:  # NaN is not
        return Reloaded(problem=f"it is not the trained one: reloaded, its logits differ by up to {difference:.2g}")
    speed = delivered_latency(context, job, network) if job.measure else None
    sizes = {"model_params": parameter_count(network), "model_bytes": weight_bytes(network)}
    return Reloaded(difference=difference, rows=len(golden["rows"]), packed=packed, latency_ms=speed, **sizes)


def delivered_latency(context: Context, job: Job, network: Network) -> Latency:
    """Milliseconds that a network as it is delivered takes for rows of dev; texts are written as the job says."""
    writer = context.writer(job.recipe.decoding) if context.task.writes and job.recipe else None
    return latency(network, context.encoded("dev"), pad=context.pad, types=context.types, device=context.device, writer=writer)


def _difference(trained: list[Any], found: list[Any]) -> tuple[float, float]:
    """The largest between two lists of logits, and the largest logit of the first."""
    first, second = (np.concatenate([np.ravel(row) for row in logits]) for logits in (trained, found))
    differing = np.where(first == second, 0.0, np.abs(first - second))  # two that are infinite are the same
    return float(differing.max(initial=0.0)), float(np.abs(first[np.isfinite(first)]).max(initial=0.0))


def _logits(context: Context, network: Network, rows: NDArray[np.int64]) -> list[Any]:
    """Logits of the first piece of each dev row, see `read_logits`; (options,) of its options; the mean of averaged pieces."""
    encoded = context.encoded("dev")
    pieces = encoded.units.pieces(rows) if encoded.together or encoded.pool else np.searchsorted(encoded.rows, rows)
    network.eval()
    with torch.inference_mode():
        logits = network(context.batch("dev", pieces))
    if encoded.averages:
        return mean_of_rows(logits.float().log_softmax(dim=-1).cpu().numpy(), encoded.rows[pieces]).tolist()  # type: ignore[no-any-return]
    read = read_logits(network, logits, encoded.padded(pieces, context.pad))
    if encoded.together:
        return [[float(one[0]) for one, owner in zip(read, encoded.rows[pieces], strict=True) if owner == row] for row in rows]
    return [one.tolist() for one in read]
