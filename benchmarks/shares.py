"""Where the processor time of a training step goes, for each method, in both precisions.

    python -m benchmarks.shares --data train.jsonl --methods full,lora,"last_layers(2)"

Processor time of one thread (`time.process_time`), so that other work on the machine does not count; parts by torch's profiler.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.speed import embedded
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.study import Sources, Study, open_study
from leantune.core.expressions import split_list
from leantune.execution.attach import attach, setup_of
from leantune.execution.loop import BestLook, fit

PARTS = {
    "products": ("aten::mm", "aten::addmm", "aten::bmm"),
    "attention": ("_scaled_dot_product",),
    "types": ("aten::copy_", "aten::_to_copy"),
    "update": ("fused_adam", "vector_norm", "foreach", "aten::mul_"),
    "activation, norm": ("gelu", "layer_norm", "softmax", "tanh"),
}
"""Parts of a step, and what the names of their operations contain."""


def measure(study: Study, expression: str, steps: int) -> tuple[float, Counter[str]]:
    """Milliseconds of processor time for a step, and the share of each part."""
    (candidate,) = field_in(study, read_methods([expression])).candidates
    job = candidate.job(candidate.rates.start, phase="final", seed=1, steps=steps, looks=1, measure=False)
    context = study.context.of(job)
    setup = setup_of(context, job, attach(context, job))
    start = time.process_time()
    for _ in fit(setup, BestLook()):
        pass
    alone = time.process_time() - start
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in fit(setup, BestLook()):
            pass
    found: Counter[str] = Counter()
    for event in seen.key_averages():
        part = next((part for part, names in PARTS.items() if any(name in event.key for name in names)), "other")
        found[part] += event.self_cpu_time_total
    return 1000 * alone / steps, Counter({part: value / found.total() for part, value in found.items()})


def lines(data: str, methods: str, steps: int, batch: int) -> Iterator[str]:
    """A row of the table for each method and precision."""
    yield "| method | precision | ms a step | " + " | ".join([*PARTS, "other"]) + " |"
    yield "|---|---|---:|" + "---:|" * (len(PARTS) + 1)
    for expression in split_list(methods):
        for precision in ("fp32", "bf16"):
            with tempfile.TemporaryDirectory() as folder:
                options = Options.of(model="minilm", batch=batch, precision=precision, max_length=128)
                taken, shares = measure(open_study(Sources(data), Path(folder), options), expression, steps)
            cells = [f"{100 * shares[part]:.0f} %" for part in (*PARTS, "other")]
            yield f"| `{expression}` | {precision} | {taken:.0f} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="JSON lines with text and label; the embedded tickets when not given")
    parser.add_argument("--methods", default="full,lora,last_layers(2)")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for line in lines(options.data or str(embedded(Path(folder))), options.methods, options.steps, options.batch):
            print(line, flush=True)


if __name__ == "__main__":
    main()
