"""The peer of every task: full fine-tuning as the official `transformers` examples write it (run_glue, run_ner, run_qa), on the same rows.

    found = run(study, lr=5e-5, seed=1, steps=96, batch=16, splits=("dev", "test"))      ->  answers of both splits

What the examples do is kept: the family's own head, the base's dropout, AdamW without weight decay, a rate that falls linearly without
warm-up, rows in random order, targets at the first token of each word, long contexts in windows that overlap by a quarter, the 20
best first and last tokens for an answer. Batches are padded to their longest row, and prediction goes by length; both change no score.
Rows, labels and answers are those of the study, so that one scorer can judge both sides.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch.utils.data import Dataset
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    Trainer,
    set_seed,
)

from benchmarks.peer import training
from leantune.app.study import Study
from leantune.data import focus
from leantune.models.quiet import quiet

DEFAULT_RATE = 5e-5
"""Of `TrainingArguments`, which the examples take when no rate is given."""
OVERLAP, BEST, LONGEST = 4, 20, 30
"""run_qa: windows share a quarter of their tokens (a third there, of 384), candidates for each end, tokens of an answer at most."""
UNSEEN = -100

Feature = dict[str, Any]


class Features(Dataset):
    """Tokenised pieces in memory."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = features

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> Feature:
        return self.features[index]


class Sequences:
    """run_glue: labels, numbers; a question with one candidate is a pair with two labels."""

    model: ClassVar[Any] = AutoModelForSequenceClassification
    collator: ClassVar[Any] = DataCollatorWithPadding

    def __init__(self, study: Study, tokenizer: Any) -> None:
        self.study, self.tokenizer, self.length = study, tokenizer, study.base.max_length
        self.kind = study.context.task.gold

    def outputs(self) -> int:
        """Width of the head."""
        return {"number": 1, "relevance": 2}.get(self.kind, len(self.study.dataset.labels))

    def pieces(self, split: str) -> list[Feature]:
        """One for each row."""
        rows = self.study.dataset.splits[split]
        coded = self.tokenizer(list(rows.texts), rows.pairs and list(rows.pairs), truncation=True, max_length=self.length)
        read = {"number": float, "relevance": lambda gold: int(gold[1] > 0)}.get(self.kind, int)
        return [_piece(coded, place) | {"labels": read(gold)} for place, gold in enumerate(rows.gold)]

    def answers(self, split: str, logits: Sequence[NDArray[Any]]) -> Any:
        """As the task gives them."""
        del split
        table = np.stack(logits)
        if self.kind == "number":
            return table[:, 0].astype(np.float64)
        return softmax(table, axis=1)[:, 1] if self.kind == "relevance" else table.argmax(axis=1)


class Words(Sequences):
    """run_ner: the tag of a word at its first token; what is cut off is nothing.

    A predicate stands behind its sentence (Shi and Lin 2019, arXiv:1904.05255).
    """

    model: ClassVar[Any] = AutoModelForTokenClassification
    collator: ClassVar[Any] = DataCollatorForTokenClassification

    def pieces(self, split: str) -> list[Feature]:
        """One for each sentence."""
        rows = self.study.dataset.splits[split]
        predicates = rows.pairs and [[row[at] for at in focus.read(places)] for row, places in zip(rows.words, rows.pairs, strict=True)]
        coded = self.tokenizer(list(rows.words), predicates, is_split_into_words=True, truncation="only_first", max_length=self.length)
        found = []
        for place, gold in enumerate(rows.gold):
            tags = [UNSEEN] * len(coded["input_ids"][place])
            for word, at in self._firsts(coded, place).items():
                tags[at] = int(gold[word])
            found.append(_piece(coded, place) | {"labels": tags})
        self.firsts = [self._firsts(coded, place) for place in range(len(rows))]
        return found

    def _firsts(self, coded: Any, place: int) -> dict[int, int]:
        """The first token of each word."""
        firsts: dict[int, int] = {}
        for at, (word, part) in enumerate(zip(coded.word_ids(place), coded.sequence_ids(place), strict=True)):
            if word is not None and part == 0:
                firsts.setdefault(word, at)
        return firsts

    def answers(self, split: str, logits: Sequence[NDArray[Any]]) -> Any:
        """A tag for each word."""
        labels, words = list(self.study.dataset.labels), self.study.dataset.splits[split].words or []
        silent = labels.index("O") if "O" in labels else 0
        return [
            [int(table[firsts[word]].argmax()) if word in firsts else silent for word in range(len(sentence))]
            for sentence, firsts, table in zip(words, self.firsts, logits, strict=True)
        ]


class Spans(Sequences):
    """run_qa for SQuAD 1: every row has an answer."""

    model: ClassVar[Any] = AutoModelForQuestionAnswering

    def outputs(self) -> int:
        """A start and an end."""
        return 2

    def pieces(self, split: str) -> list[Feature]:
        """Windows of the context, each behind the whole question."""
        rows = self.study.dataset.splits[split]
        assert rows.pairs is not None
        coded = self.tokenizer(
            [text.lstrip() for text in rows.texts],
            list(rows.pairs),
            truncation="only_second",
            max_length=self.length,
            stride=self.length // OVERLAP,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        self.owners, self.offsets, found = coded["overflow_to_sample_mapping"], [], []
        for place, row in enumerate(self.owners):
            inside = [part == 1 for part in coded.sequence_ids(place)]
            self.offsets.append([pair if own else None for pair, own in zip(coded["offset_mapping"][place], inside, strict=True)])
            first, last = _window(self.offsets[-1], rows.gold[row][0])
            found.append(_piece(coded, place) | {"start_positions": first, "end_positions": last})
        return found

    def answers(self, split: str, logits: Sequence[NDArray[Any]]) -> Any:
        """The characters of the best span over all windows of a row."""
        contexts = self.study.dataset.splits[split].pairs
        assert contexts is not None
        best: dict[int, tuple[float, str]] = {}
        for row, offsets, table in zip(self.owners, self.offsets, logits, strict=True):
            firsts, lasts = (np.argsort(-table[: len(offsets), side])[:BEST].tolist() for side in (0, 1))
            for first in firsts:
                for last in lasts:
                    begin, end = offsets[first], offsets[last]
                    if begin is None or end is None or not first <= last < first + LONGEST:
                        continue
                    found = (float(table[first, 0] + table[last, 1]), contexts[row][begin[0] : end[1]])
                    best[row] = max(best.get(row, found), found)
        return [best[row][1] if row in best else "" for row in range(len(contexts))]


STYLES = {"sequence": Sequences, "token": Words, "span": Spans}


def run(study: Study, *, lr: float, seed: int, steps: int, batch: int, splits: Sequence[str]) -> tuple[dict[str, Any], float]:
    """Train once; the answers of each split and the seconds of training."""
    tokenizer = AutoTokenizer.from_pretrained(study.base.location.source)
    style = STYLES[study.context.task.head](study, tokenizer)
    set_seed(seed)
    with quiet():
        model = style.model.from_pretrained(study.base.location.source, num_labels=style.outputs(), dtype=torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        arguments = training(folder, lr, steps, seed, batch)
        train = Features(style.pieces("train"))
        trainer = Trainer(model=model, args=arguments, train_dataset=train, data_collator=style.collator(tokenizer))
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
        return {split: style.answers(split, _logits(trainer, style.pieces(split))) for split in splits}, seconds


def _logits(trainer: Trainer, pieces: Sequence[Feature]) -> list[NDArray[Any]]:
    """Logits of each piece, (C,) or (T, C), predicted in the order of their lengths."""
    order = sorted(range(len(pieces)), key=lambda place: len(pieces[place]["input_ids"]))
    found = trainer.predict(Features([pieces[place] for place in order])).predictions
    table = np.stack(found, axis=-1) if isinstance(found, tuple) else found
    return [row for _, row in sorted(zip(order, table, strict=True), key=lambda pair: pair[0])]


def _piece(coded: Any, place: int) -> Feature:
    """What the model reads."""
    return {key: coded[key][place] for key in ("input_ids", "attention_mask", "token_type_ids") if key in coded}


def _window(offsets: Sequence[tuple[int, int] | None], answer: dict[str, Any]) -> tuple[int, int]:
    """First and last token of an answer; the first token of all, twice, where it is not whole in the window."""
    start, end = answer["start"], answer["start"] + len(answer["text"])
    inside = [place for place, pair in enumerate(offsets) if pair is not None and pair[1] > start and pair[0] < end]
    first, last = (offsets[inside[0]], offsets[inside[-1]]) if inside else (None, None)
    if first is None or last is None or first[0] > start or last[1] < end:
        return 0, 0
    return inside[0], inside[-1]
