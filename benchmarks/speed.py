"""Training throughput and peak memory against Trainer + peft and the processor's own matrix products, in paired runs, as ratios.

    python -m benchmarks.speed --data train.jsonl --methods full,lora --rounds 3
    python -m benchmarks.speed --data train.jsonl --methods head,"last_layers(2)","lora(layers=[-2, -1])" --rows 640 --epochs 10
    python -m benchmarks.speed --data train.jsonl --model base --methods full,lora --steps 12     a BERT of 110 M random parameters
    python -m benchmarks.speed --data train.jsonl --model decoder --methods lora --steps 12       a Llama of 1 B, on a GPU
    python -m benchmarks.speed --table

Each round runs ours, the peer with its defaults, the peer tuned by an expert (rows grouped by length, no dropout) and the products that
such a step cannot do without, one after the other in processes of their own, nothing else running. Ratios are taken inside each round;
median and range are reported. Every measurement is one line of `results/speed.jsonl`.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, LlamaConfig, PreTrainedConfig

from benchmarks.measured import asked
from benchmarks.rows import first_rows
from leantune.core.expressions import split_list
from leantune.models.locate import locate

ROOT = Path(__file__).parents[1]
TICKETS = ROOT / "src" / "leantune" / "demo" / "tickets.csv"
RESULTS = Path(__file__).parent / "results" / "speed.jsonl"
RATES = {"full": 1e-4, "lora": 5e-4, "head": 5e-3, "bitfit": 1e-3, "last_layers": 1e-4, "ia3": 3e-3}
PEER = {"last_layers(2)": "last_layers", "lora(layers=[-2, -1])": "lora_upper"}
"""What the peer calls a method."""
SIDES = ("ours", "defaults", "expert", "limit")
BATCH = 32
MADE: dict[str, Callable[[int, int], PreTrainedConfig]] = {
    "base": lambda tokens, pad: BertConfig(vocab_size=tokens, pad_token_id=pad),
    "decoder": lambda tokens, pad: LlamaConfig(
        vocab_size=tokens, pad_token_id=pad, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_key_value_heads=8
    ),
}
"""Bases that are drawn at random, from the size of the vocabulary and the token of padding."""


def measure(side: str, spec: dict[str, Any]) -> dict[str, Any]:
    """One run in a fresh process."""
    if side != "ours":
        expert = side == "expert"
        peer = PEER.get(spec["method"], spec["method"])
        spec = spec | {"model": locate(spec["model"]).source, "method": peer, "grouped": expert, "no_dropout": expert}
    return answer({"ours": "benchmarks.ours", "limit": "benchmarks.limit"}.get(side, "benchmarks.peer"), spec)


def answer(module: str, spec: dict[str, Any]) -> dict[str, Any]:
    """What a module prints in its last line, run in a fresh process."""
    done = subprocess.run([sys.executable, "-m", module, json.dumps(spec)], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(f"{module} {spec} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def compare(method: str, spec: dict[str, Any], rounds: int) -> list[dict[str, Any]]:
    """All rounds of one method, by sides."""
    rate = RATES[method.partition("(")[0]]
    sides = SIDES if method in ("full", "lora") else SIDES[:-1]  # the others compute their layers once, whose limit is another one
    return [{side: measure(side, spec | {"method": method, "lr": rate}) for side in sides} for _ in range(rounds)]


def summary(ratios: Sequence[float]) -> str:
    """Median and range."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def ratios(rounds: Sequence[dict[str, Any]], side: str, number: str) -> list[float]:
    """Ours / the other side, by rounds."""
    return [run["ours"][number] / run[side][number] for run in rounds]


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Of each base and set of rows."""
    for case in dict.fromkeys((run["base"], run["data"], run["rows"], run["machine"]) for run in runs):
        yield f"\n**{case[0]}, {case[1]}** ({case[2]:,} rows, {case[3]})\n"
        heads = ("speed against defaults", "against expert", "of the limit", "peak memory", "against defaults", "against expert")
        yield f"| method | steps | our rows/s | {' | '.join(heads)} |"
        yield "|---|---:|---:|---|---|---|---:|---|---|"
        for run in runs:
            if (run["base"], run["data"], run["rows"], run["machine"]) != case:
                continue
            rounds, speed, memory = run["rounds"], "rows_per_second", "peak_memory_bytes"
            limit = summary(ratios(rounds, "limit", speed)) if "limit" in rounds[0] else "-"
            own = [statistics.median(one["ours"][number] for one in rounds) for number in (speed, memory)]
            against = [summary(ratios(rounds, side, number)) for number in (speed, memory) for side in ("defaults", "expert")]
            cells = [f"`{run['method']}`", str(run["steps"]), f"{own[0]:.0f}", *against[:2], limit, f"{own[1] / 1e9:.2f} GB", *against[2:]]
            yield "| " + " | ".join(cells) + " |"


def embedded(folder: Path) -> Path:
    """The embedded tickets as JSON lines, for a run without other data."""
    path = folder / "tickets.jsonl"
    with TICKETS.open(encoding="utf-8") as source, path.open("w", encoding="utf-8") as target:
        target.writelines(json.dumps(row) + "\n" for row in csv.DictReader(source))
    return path


def made(kind: Callable[[int, int], PreTrainedConfig], folder: Path) -> str:
    """A base with random weights and the tokenizer of `minilm`."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(locate("minilm").source)
    AutoModel.from_config(kind(len(tokenizer), tokenizer.pad_token_id)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def machine() -> str:
    """The processor and the libraries that compute."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else ""
    name = next((line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")), platform.processor())
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def main() -> None:
    """Measure, or print the tables of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="JSON lines with text, optionally text_pair, and label; the embedded tickets when not given")
    parser.add_argument("--methods", default="full,lora,head")
    parser.add_argument("--model", default="minilm", help="base, decoder: of random weights, a BERT of 110 M, a Llama of 1 B")
    parser.add_argument("--rows", type=int, default=2_048, help="the first ones of the file")
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--epochs", type=int, help="over the rows, instead of steps")
    parser.add_argument("--rounds", type=int, default=3)
    options, ledger = asked(parser, RESULTS, table)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = Path(options.data) if options.data else embedded(folder)
        rows = first_rows(source, folder / "rows.jsonl", options.rows)
        steps = math.ceil(rows * options.epochs / BATCH) if options.epochs else options.steps
        model = made(MADE[options.model], folder / "base") if options.model in MADE else options.model
        spec = {"model": model, "train": str(folder / "rows.jsonl"), "steps": steps, "seed": 1, "max_length": options.max_length}
        told = {
            "base": options.model,
            "data": f"{source.parent.name}/{source.stem}",
            "rows": rows,
            "machine": machine(),
            "steps": steps,
        }
        for method in split_list(options.methods):
            ledger.add(told | {"method": method, "max_length": options.max_length, "rounds": compare(method, spec, options.rounds)})


if __name__ == "__main__":
    main()
