"""A trial run: a method put on a base, three optimiser steps, and everything the laws compare.

run = start("lora(rank=4)", open_base(folder))      run.base_logits, run.start_logits, run.before, run.network ...
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from leantune.core.errors import SpecError
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Room
from leantune.evaluate.predict import make_batch
from leantune.execution.loop import apply_trainable, head_names, trained_names
from leantune.kinds.method import Method, parse_method
from leantune.models.adaptation import Adaptation, Target
from leantune.models.anatomy import Anatomy
from leantune.models.base import Base
from leantune.models.build import anatomy_of, build_network
from leantune.models.heads import HeadSpec, pieces_of, task_type
from leantune.models.network import Batch, Network
from leantune.tasks._next_token import token_loss, token_targets

LABELS = ["bad", "good"]
HEAD = HeadSpec("sequence", LABELS, len(LABELS))
TEXT = HeadSpec("text", ["text"], 0)
"""The model writes: the label's word behind the text."""
STEPS = 3
"""One more than the two after which LoRA's first matrix moves: some tuners multiply three new factors."""
ROWS: tuple[tuple[str, int], ...] = (
    ("the movie was great", 1),
    ("i love this book", 1),
    ("what a nice day", 1),
    ("good food and happy you", 1),
    ("the best card", 1),
    ("so fine so good", 1),
    ("we love the great food", 1),
    ("hello this was very nice please", 1),
    ("the movie was awful", 0),
    ("i hate this book", 0),
    ("what a sad day", 0),
    ("poor food and bad you", 0),
    ("the worst card", 0),
    ("so bad so poor", 0),
    ("we hate the awful food", 0),
    ("hello this was very sad please", 0),
)
"""Sixteen rows of two labels, in words that tiny tokenizers know."""


@dataclass(frozen=True)
class Run:
    """One method on one base, before and after a few steps."""

    expression: str
    base: Base
    method: Method
    anatomy: Anatomy
    """Of the skeleton, as the plan sees it."""
    head: HeadSpec
    network: Network
    """After the steps, in evaluation mode."""
    adaptation: Adaptation
    trained: frozenset[str]
    """Names of the trained parameters of the network."""
    before: dict[str, Tensor]
    """Parameters and buffers after attaching, before the steps."""
    base_logits: Tensor
    """Of the base with its fresh head, nothing attached; the layout is that of the method."""
    start_logits: Tensor
    """After attaching."""
    without_gradient: tuple[str, ...]
    """Trained parameters that no gradient reached in any step."""
    losses: tuple[float, ...]

    @cached_property
    def end_logits(self) -> Tensor:
        """After the steps."""
        return logits(self.network, batch_of(self.base, self.head))


def start(expression: str, base: Base, *, steps: int = STEPS, seed: int = 3, head: HeadSpec = HEAD) -> Run:
    """Attach, take a few AdamW steps on all rows and note what changed.

    Raises:
        SpecError: E-METHOD when the method says that it cannot work on this base.
    """
    method = parse_method(expression).method
    anatomy = anatomy_of(base, head, prepends=method.card.parts_head)
    reason = method.unsupported(anatomy)
    if reason:
        raise SpecError(f"{expression}: {reason}.", "E-METHOD")
    batch = batch_of(base, head)
    network = fresh(base, method, head)
    base_logits = logits(network, batch)
    adaptation = attach(network, method, steps=steps, seed=seed, head=head)
    start_logits = logits(network, batch)
    before = {name: value.detach().clone() for name, value in network.state_dict().items()}
    names = trained_names(network, adaptation)
    losses, unreached = _train(network, adaptation, method, batch, steps)
    network.eval()
    return Run(expression, base, method, anatomy, head, network, adaptation, names, before, base_logits, start_logits, unreached, losses)


def fresh(base: Base, method: Method, head: HeadSpec = HEAD) -> Network:
    """The base with a fresh head, in the layout that the method needs."""
    return build_network(base, head, seed=1, prepends=method.card.parts_head)


def attach(network: Network, method: Method, *, steps: int, seed: int, head: HeadSpec = HEAD) -> Adaptation:
    """Put the method into the network's body."""
    task = task_type(head.kind, network.body.config) if network.head is None else "FEATURE_EXTRACTION"
    adaptation = method.attach(Target(network.body, network.anatomy, task, steps), seed=seed)
    network.body = adaptation.body
    return adaptation


def encode(base: Base, texts: list[str], pairs: list[str] | None = None) -> Batch:
    """Rows as a padded batch."""
    encoded = base.tokenizer(texts, pairs, padding=True, return_tensors="pt")
    return Batch(encoded["input_ids"], encoded["attention_mask"], encoded.get("token_type_ids"))


def batch_of(base: Base, head: HeadSpec) -> Batch:
    """All rows, with what the loss wants to know."""
    texts, gold = [text for text, _ in ROWS], [label for _, label in ROWS]
    if head.kind != "text":
        return replace(encode(base, texts), targets=torch.tensor(gold))
    chunk = ExampleChunk(texts, targets=[LABELS[label] for label in gold])
    encoded = encode_rows(base.tokenizer, chunk, Room(64, 8), pieces_of("continued", base.config))
    padded = encoded.padded(range(len(texts)), int(base.tokenizer.pad_token_id or 0))
    return make_batch(padded, types=False, targets=token_targets(padded.marks))


@torch.no_grad()
def logits(network: nn.Module, batch: Batch) -> Tensor:
    """Logits in evaluation mode."""
    result: Tensor = network.eval()(batch)
    return result


def _train(network: Network, adaptation: Adaptation, method: Method, batch: Batch, steps: int) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Losses of the steps, and the trained parameters that no gradient reached."""
    trained = apply_trainable(network, trained_names(network, adaptation))
    optimizer = _optimizer(network, method, trained)
    losses, reached = [], set[str]()
    network.train()
    for step in range(1, steps + 1):
        assert batch.targets is not None
        loss = token_loss(network(batch), batch.targets) if batch.targets.dim() > 1 else cross_entropy(network(batch), batch.targets)
        total = loss + adaptation.penalty() if adaptation.penalty else loss
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        reached |= {name for name, value in trained.items() if value.grad is not None}
        optimizer.step()
        if adaptation.after_step:
            adaptation.after_step(step)
        losses.append(float(loss.detach()))
    return tuple(losses), tuple(sorted(set(trained) - reached))


def _optimizer(network: Network, method: Method, trained: dict[str, nn.Parameter]) -> torch.optim.Optimizer:
    """AdamW at the method's start rate, the heads at theirs."""
    heads = head_names(network, frozenset(trained))
    rate = method.rates(network.anatomy).start
    head_rate = max(rate * method.card.head_factor, method.card.head_floor)
    groups = [
        {"params": [value for name, value in trained.items() if name not in heads], "lr": rate},
        {"params": [value for name, value in trained.items() if name in heads], "lr": head_rate},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=0.0)
