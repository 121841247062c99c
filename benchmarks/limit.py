"""The limit of a training step: its matrix products and nothing else, as fast as this processor does them at these shapes.

    python -m benchmarks.limit '{"model": "...", "train": "train.jsonl", "method": "lora", "batch": 32}'

Of every linear map in the layers: forward, backward to the activations and, where all weights are trained, backward to the weights, for
exactly the tokens that stand in the rows (no padding). Attention, activations, norms, embeddings, updates and reading are not in it. In the
type that a training here takes: bfloat16 where the processor has the instructions.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer

from benchmarks.rows import read_rows
from leantune.execution.precision import pick_precision

SECONDS = 4.0
"""So long steps are taken."""


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Rows per second."""
    config, tokenizer = AutoConfig.from_pretrained(spec["model"]), AutoTokenizer.from_pretrained(spec["model"])
    texts = [row["text"] for row in read_rows(Path(spec["train"]))]
    lengths = [len(ids) for ids in tokenizer(texts, truncation=True, max_length=spec["max_length"]).input_ids]
    batch = spec.get("batch", 32)
    tokens, width, inner = round(batch * statistics.mean(lengths)), config.hidden_size, config.intermediate_size
    short = pick_precision("auto", "cpu", width) == "bf16"
    maps = [(width, width)] * 4 + [(width, inner), (inner, width)]
    made = [_tensors(tokens, *shape, torch.bfloat16 if short else torch.float32) for shape in maps]
    taken: list[float] = []
    while sum(taken) < SECONDS or len(taken) < 3:
        start = time.perf_counter()
        for layer in range(config.num_hidden_layers):
            for place, tensors in enumerate(made):
                _products(*tensors, below=layer > 0 or place > 2, weights=spec["method"] == "full")
        taken.append(time.perf_counter() - start)
    return {"rows_per_second": batch / statistics.median(taken), "tokens": tokens}


def _tensors(tokens: int, inputs: int, outputs: int, kind: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Activations, weight and the gradient of what comes out."""
    drawn = torch.randn(tokens, inputs), torch.randn(outputs, inputs), torch.randn(tokens, outputs)
    return tuple(value.to(kind) for value in drawn)


@torch.inference_mode()
def _products(states: torch.Tensor, weight: torch.Tensor, back: torch.Tensor, *, below: bool, weights: bool) -> None:
    """Of one map; what the embeddings give needs no gradient where they are not trained."""
    states @ weight.T
    if below or weights:
        back @ weight
    if weights:
        back.T @ states


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
