"""Artifacts of tiny models for tests: trained parameters are moved away from where they start, nothing is trained."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import leantune as lt
from leantune.artifact.manifest import Facts
from leantune.artifact.parity import Golden, GoldenRow
from leantune.artifact.publish import publish
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate.predict import logits_of
from leantune.kinds.method import parse_method
from leantune.models.adaptation import Target
from leantune.models.base import Base, open_base
from leantune.models.build import build_network
from leantune.models.delta import write_delta, write_standing
from leantune.models.heads import HeadSpec
from leantune.models.network import Network

LABELS = ["no", "yes", "maybe"]
HEAD = HeadSpec("sequence", LABELS, len(LABELS))
TEXTS = ["good card", "bad money lost is very sad and i hate it", "help please", 'the "fine", book\nwas nice', "", "never"] * 2
SENTENCES = [
    f"{one} {two} {three}" for one in ("good", "bad", "sad", "the") for two in ("card", "money") for three in ("help", "never", "was")
]
PAIRS = ["good", "bad bank", "where", "never, always", "happy", "order"] * 2


@dataclass(frozen=True)
class Made:
    """An artifact, and what the network that it was made of says."""

    folder: Path
    base: Base
    golden: Golden


Maker = Callable[..., Made]


def make_one(
    source: Path, expression: str, folder: Path, *, paired: bool = False, draw: int = 3, labels: Sequence[str] = tuple(LABELS)
) -> Made:
    """An artifact in `folder`/best, without the proof in fresh processes; `draw` is the seed of where its parameters are moved."""
    base = open_base(str(source), max_length=24)
    network = moved(base, expression, folder / "delta", draw=draw, labels=labels)
    rows: list[GoldenRow] = [(text, pair if paired else None) for text, pair in zip(TEXTS, PAIRS, strict=True)]
    facts = Facts(
        task="classification",
        labels=list(labels),
        outputs=len(LABELS),
        method=expression,
        title="A method",
        text="message",
        text_pair="reply" if paired else None,
        label="kind",
        data="letters.csv",
        rows={"train": 90, "dev": 10, "test": 20},
    )
    publish(folder / "delta", folder / "best", facts, base)
    return Made(folder / "best", base, Golden(rows, logits(network, base, paired=paired)))


def moved(base: Base, expression: str, delta: Path, *, by: float = 0.1, draw: int = 3, labels: Sequence[str] = tuple(LABELS)) -> Network:
    """A network whose trained parameters were moved away from where they start; its delta is written, as a whole behind `| merge`."""
    parsed = parse_method(expression)
    method = parsed.method
    network = build_network(base, HeadSpec("sequence", list(labels), len(labels)), seed=1, prepends=method.card.prepends)
    kind = "SEQ_CLS" if network.head is None else "FEATURE_EXTRACTION"
    adaptation = method.attach(Target(network.body, network.anatomy, kind, 10), seed=2)
    network.body = adaptation.body
    random = torch.Generator().manual_seed(draw)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.removeprefix("body.") in adaptation.trainable or name in network.head_parameters():
                parameter.add_(by * torch.randn(parameter.shape, generator=random))
    if parsed.compressors:
        write_standing(network.eval(), base, delta)
    else:
        write_delta(network.eval(), adaptation, base, delta)
    return network


def logits(network: Network, base: Base, *, paired: bool) -> list[np.ndarray]:
    encoded = encode_rows(base.tokenizer, ExampleChunk(TEXTS, PAIRS if paired else None), base.max_length)
    found = np.zeros((len(encoded), len(LABELS)))
    types = "token_type_ids" in base.tokenizer.model_input_names
    for rows, _, part in logits_of(network, encoded, pad=int(base.tokenizer.pad_token_id), types=types, device=torch.device("cpu")):
        found[rows] = part.numpy()
    return list(found)


def rows_of(folder: Path, path: Path) -> str:
    """Rows with the labels that an artifact gives them."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "kind"])
        writer.writerows([text, one.label] for text, one in zip(SENTENCES, lt.load(folder).predict(SENTENCES), strict=True))
    return str(path)
