"""The peer: the same method through plain `transformers` Trainer and `peft`, as their examples show it.

    python -m benchmarks.peer '{"model": "...", "train": "train.jsonl", "dev": "...", "test": "...", "method": "lora", "lr": 5e-4, ...}'

Prints one JSON line: rows per second, peak memory, dev and test accuracy. `grouped` puts rows of like length into one batch,
`no_dropout` trains without dropout; what an expert would add on a CPU is both.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import (
    AdaLoraConfig,
    IA3Config,
    LNTuningConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    VeraConfig,
    get_peft_model,
)
from torch.utils.data import Dataset, Subset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

from benchmarks.rows import read_rows


def configuration(method: str, steps: int, layers: int, attention: list[str]) -> Any:
    """The `peft` configuration of a method with its published defaults; None for methods that only choose parameters."""
    configs = {
        "lora": lambda: LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, target_modules=attention),
        "lora_upper": lambda: LoraConfig(
            task_type="SEQ_CLS", r=8, lora_alpha=16, target_modules=attention, layers_to_transform=[layers - 2, layers - 1]
        ),
        "adalora": lambda: AdaLoraConfig(
            task_type="SEQ_CLS", init_r=12, target_r=8, tinit=0, tfinal=0, deltaT=1, total_step=steps, target_modules=attention
        ),
        "vera": lambda: VeraConfig(task_type="SEQ_CLS", r=256, target_modules=attention),
        "ia3": lambda: IA3Config(task_type="SEQ_CLS"),
        "norm": lambda: LNTuningConfig(task_type="SEQ_CLS", target_modules=["LayerNorm"]),
        "prefix": lambda: PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=16),
        "prompt": lambda: PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=16),
        "p_tuning": lambda: PromptEncoderConfig(task_type="SEQ_CLS", num_virtual_tokens=16, encoder_hidden_size=384),
    }
    return configs[method]() if method in configs else None


def attention_of(model: torch.nn.Module) -> list[str]:
    """What query and value are called."""
    encoder = any(name.endswith(".query") for name, _ in model.named_modules())
    return ["query", "value"] if encoder else ["q_proj", "v_proj"]


def choose(model: torch.nn.Module, method: str) -> None:
    """Methods without a `peft` configuration: what is trained is chosen by name."""
    layers = model.config.num_hidden_layers
    kept = {
        "full": lambda _: True,
        "head": lambda name: name.startswith("classifier"),
        "bitfit": lambda name: name.endswith("bias") or name.startswith("classifier"),
        "last_layers": lambda name: name.startswith(("classifier", "bert.pooler")) or any(f"layer.{layers - k}." in name for k in (1, 2)),
    }[method]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(kept(name))


class Rows(Dataset):
    """Tokenised rows in memory, as the examples do it."""

    def __init__(self, path: str, tokenizer: Any, labels: list[str], longest: int = 256) -> None:
        rows = read_rows(Path(path))
        pairs = [row["text_pair"] for row in rows] if "text_pair" in rows[0] else None
        self.coded = tokenizer([row["text"] for row in rows], pairs, truncation=True, max_length=longest)
        self.gold = [labels.index(row["label"]) for row in rows]

    def __len__(self) -> int:
        return len(self.gold)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**{key: value[index] for key, value in self.coded.items()}, "labels": self.gold[index]}


def training(folder: str, lr: float, steps: int, seed: int, batch: int, **more: Any) -> TrainingArguments:
    """Arguments of one quiet training that keeps nothing."""
    return TrainingArguments(
        output_dir=folder,
        learning_rate=lr,
        max_steps=steps,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=64,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        seed=seed,
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        **more,
    )


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Train and score once."""
    tokenizer = AutoTokenizer.from_pretrained(spec["model"])
    labels = sorted({row["label"] for row in read_rows(Path(spec["train"]))})
    options = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0} if spec.get("no_dropout") else {}
    torch.manual_seed(spec["seed"])
    model = AutoModelForSequenceClassification.from_pretrained(spec["model"], num_labels=len(labels), dtype=torch.float32, **options)
    config = configuration(spec["method"], spec["steps"], model.config.num_hidden_layers, attention_of(model))
    if config is None:
        choose(model, spec["method"])
    else:
        model = get_peft_model(model, config)
    train = Rows(spec["train"], tokenizer, labels, spec.get("max_length", 256))
    grouping: dict[str, Any] = {"train_sampling_strategy": "group_by_length"} if spec.get("grouped") else {}
    if spec.get("grouped") and torch.cuda.is_available():
        grouping["bf16"] = True
    batch = spec.get("batch", 32)
    with tempfile.TemporaryDirectory() as folder:
        arguments = training(folder, spec["lr"], spec["steps"], spec["seed"], batch, warmup_steps=round(0.06 * spec["steps"]), **grouping)
        trainer = Trainer(model=model, args=arguments, train_dataset=train, data_collator=DataCollatorWithPadding(tokenizer))
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
        there = torch.cuda.is_available()
        peak = torch.cuda.max_memory_allocated() if there else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        scores: dict[str, Any] = {}
        for split in ("dev", "test"):
            if spec.get(split):
                rows = Rows(spec[split], tokenizer, labels)
                answers = answered(trainer, rows)
                right = answers == np.array(rows.gold)
                scores |= {
                    split: float(right.mean()),
                    "right": right.tolist(),
                    "status": "ok" if len(set(answers.tolist())) > 1 else "one_class",
                }
    return {"rows_per_second": spec["steps"] * batch / seconds, "peak_memory_bytes": peak, "seconds": seconds, **scores}


def answered(trainer: Trainer, rows: Rows) -> NDArray[np.int64]:
    """The answer to each row, in the order of the rows; where training puts rows of like length into one batch, so does this."""
    order = np.arange(len(rows))
    if trainer.args.train_sampling_strategy == "group_by_length":
        trainer.args.train_sampling_strategy = "random"  # Trainer would group the rows here too, and not tell their order
        order = np.argsort([-len(ids) for ids in rows.coded["input_ids"]], kind="stable")
    found = trainer.predict(Subset(rows, order.tolist()))
    if not (found.label_ids == np.array(rows.gold)[order]).all():
        raise SystemExit("Trainer has predicted the rows in another order")
    answers = np.zeros(len(rows), np.int64)
    answers[order] = np.argmax(found.predictions, axis=1)
    return answers


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
