"""Where the processor time of a training step goes, for each method: by Trainer + peft with its defaults, and by ours in both precisions.

    python -m benchmarks.shares --data train.jsonl --methods full,lora,"last_layers(2)" --precisions fp32,bf16

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

from benchmarks.peer import run
from benchmarks.quality import OURS_ONLY
from benchmarks.speed import PEER, embedded
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.study import Sources, Study, open_study
from leantune.core.expressions import split_list
from leantune.execution.attach import attach, setup_of
from leantune.execution.loop import BestLook, fit
from leantune.models.locate import locate

METHODS = "full,head,last_layers(2),bitfit,norm,lora,adalora,vera,ia3,prefix,prompt,p_tuning,houlsby,pfeiffer,parallel,sparse"
PEERLESS = {*OURS_ONLY, "sparse"}
LONGEST = 128
"""Tokens of a row at most."""
PARTS = {
    "dropout": ("dropout", "bernoulli"),
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
    return 1000 * alone / steps, shares(seen)


def measure_peer(rows: Path, expression: str, steps: int, batch: int) -> tuple[float, Counter[str]]:
    """The same of Trainer + peft; milliseconds by the clock."""
    called = {"method": PEER.get(expression, expression), "lr": 1e-4, "seed": 1, "max_length": LONGEST}
    spec = called | {"model": locate("minilm").source, "train": str(rows), "steps": steps, "batch": batch}
    taken = run(spec)["seconds"]
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        run(spec)
    return 1000 * taken / steps, shares(seen)


def shares(seen: profile) -> Counter[str]:
    """Of all the time of operations."""
    found: Counter[str] = Counter()
    for event in seen.key_averages():
        part = next((part for part, names in PARTS.items() if any(name in event.key for name in names)), "other")
        found[part] += event.self_cpu_time_total
    return Counter({part: value / found.total() for part, value in found.items()})


def lines(data: str, methods: str, precisions: list[str], steps: int, batch: int) -> Iterator[str]:
    """Rows of the table for each method."""
    yield "| method | by | ms a step | " + " | ".join([*PARTS, "other"]) + " |"
    yield "|---|---|---:|" + "---:|" * (len(PARTS) + 1)
    for expression in split_list(methods):
        if expression not in PEERLESS:
            yield line(expression, "Trainer, peft", *measure_peer(Path(data), expression, steps, batch))
        for precision in precisions:
            with tempfile.TemporaryDirectory() as folder:
                options = Options.of(model="minilm", batch=batch, precision=precision, max_length=LONGEST)
                yield line(expression, precision, *measure(open_study(Sources(data), Path(folder), options), expression, steps))


def line(expression: str, side: str, taken: float, found: Counter[str]) -> str:
    """One row of the table."""
    return f"| `{expression}` | {side} | {taken:,.0f} | " + " | ".join(f"{100 * found[part]:.0f} %" for part in (*PARTS, "other")) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="JSON lines with text and label; the embedded tickets when not given")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--precisions", default="fp32", help="of ours: fp32,bf16")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or str(embedded(Path(folder)))
        for found in lines(data, options.methods, options.precisions.split(","), options.steps, options.batch):
            print(found, flush=True)


if __name__ == "__main__":
    main()
