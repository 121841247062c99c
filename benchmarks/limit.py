"""The limit of a training step: its matrix products and nothing else, as fast as this processor does them at these shapes.

    python -m benchmarks.limit '{"model": "...", "train": "train.jsonl", "method": "lora", "batch": 32}'

On the GPU where there is one. Of every linear map in the layers: forward, backward to the activations and, where all weights are trained,
backward to the weights, for exactly the tokens that stand in the rows (no padding), and in the last layer behind keys and values for
those that the head reads. Attention, activations, norms, embeddings, updates and reading are not in it. In the type that a training here
takes: bfloat16 where the processor has the instructions.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModel

from benchmarks.rows import read_rows
from leantune.execution.device import pick_device, synchronize
from leantune.execution.narrowing import KINDS
from leantune.execution.precision import pick_precision
from leantune.models.anatomy import anatomy
from leantune.models.base import open_base

SECONDS = 4.0
"""So long steps are taken."""
FIRST = 3
"""Maps at the bottom whose input needs no gradient where embeddings are not trained: query, key and value."""


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Rows per second."""
    base = open_base(spec["model"])
    config, few = base.config, base.pooling != "mean"  # the head reads one token of a row
    texts = [row["text"] for row in read_rows(Path(spec["train"]))]
    lengths = [len(ids) for ids in base.tokenizer(texts, truncation=True, max_length=spec["max_length"]).input_ids]
    batch, device = spec.get("batch", 32), pick_device()
    tokens = round(batch * statistics.mean(lengths))
    kind = torch.bfloat16 if pick_precision("auto", device.type, config.hidden_size) == "bf16" else torch.float32
    maps = [(batch if top and few else tokens, inputs, outputs) for inputs, outputs, top in shapes(config)]
    made = {shape: tuple(torch.randn(*size, device=device, dtype=kind) for size in _sizes(*shape)) for shape in set(maps)}
    taken: list[float] = []
    while sum(taken) < SECONDS or len(taken) < 3:
        start = time.perf_counter()
        for place, shape in enumerate(maps):
            _products(*made[shape], below=place >= FIRST, weights=spec["method"] == "full")
        synchronize(device)
        taken.append(time.perf_counter() - start)
    return {"rows_per_second": batch / statistics.median(taken), "tokens": tokens}


def shapes(config: Any) -> list[tuple[int, int, bool]]:
    """(inputs, outputs) of every linear map in the layers, in their order, and whether the head alone reads what it makes of a token."""
    with torch.device("meta"):
        body = AutoModel.from_config(config)
    found = anatomy(body)
    top = {site.path for site in found.at(KINDS[0], [-1])}
    maps = [(name, part) for name, part in body.named_modules() if isinstance(part, nn.Linear) and name.startswith(found.blocks)]
    return [(part.in_features, part.out_features, name in top) for name, part in maps]


def _sizes(tokens: int, inputs: int, outputs: int) -> tuple[tuple[int, int], ...]:
    """Of activations, weight and the gradient of what comes out."""
    return (tokens, inputs), (outputs, inputs), (tokens, outputs)


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
