"""What a trial needs of its study, opened inside its own process: data, tokens, base model, task, device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.core import catalogue
from leantune.core.digest import digest, file_digest
from leantune.core.errors import ArtifactError
from leantune.core.files import read_kept, write_atomic
from leantune.core.long import FIELDS, Long
from leantune.core.measured import Reloaded
from leantune.core.recipe import Generator
from leantune.core.records import Decoding, FurtherScore, Recipe, Scores
from leantune.core.study import Conditions, Job
from leantune.core.wording import Wording, plain
from leantune.data.dataset import Dataset
from leantune.data.dataset import load as load_dataset
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_to_disk
from leantune.data.few_shot import few_shot
from leantune.data.grown import grown
from leantune.data.masking import Hider
from leantune.data.pieces._long import reader_of
from leantune.data.pieces._pieces import Pieces, Room
from leantune.data.telling import Known, learn, told_rows
from leantune.data.test_sets import MAIN, split_of
from leantune.data.unlabelled_rows import UNLABELLED
from leantune.evaluate.generate import Writer, write
from leantune.evaluate.predict import TOKENS as AT_ONCE
from leantune.evaluate.predict import Recall, make_batch, predict
from leantune.evaluate.predictions import Predictions, write_predictions
from leantune.execution.bases import structured
from leantune.execution.device import pick_device
from leantune.execution.feed import Features, Read, kept_features, pooled
from leantune.execution.lecture import Mentors
from leantune.execution.precision import Precision
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Setting, Worded, columns_of
from leantune.kinds.solver import Solver
from leantune.kinds.structure import Structure
from leantune.kinds.task import Answers, Decoded, Task
from leantune.kinds.teacher import Extra, Lesson
from leantune.models.base import Base, open_base, read_tokenizer
from leantune.models.build import build_embedder
from leantune.models.heads import HeadSpec, pieces_of
from leantune.models.network import Batch, Network, of_rows
from leantune.models.surprise import Surprise
from leantune.scores.likelihood import tally as tally_likelihood

TAUGHT = "taught"
"""The rows that a student is trained on: the labelled ones, then the unlabelled ones."""
WORDING = "wording.json"
"""In the folder of a trial: what its prompt settled on."""
TOKENS = "tokens"
"""In the same folder: the tokenizer that its compressors left, where that is another one."""
Reload = Callable[[Path, Conditions, Job, Path], Reloaded]
"""(run, conditions, job, folder) -> what the folder of that trial holds, read back in a process that trained nothing."""
LABELLED = ("single_label_classification", "multi_label_classification")
"""Problems whose answers have names."""


@dataclass(frozen=True)
class Context:
    """A run folder and the conditions of its study."""

    run: Path
    conditions: Conditions
    worded: Worded | None = None
    """The prompt of the trial; None without one."""
    solved: bool = False
    """Whether the head is computed, from states of length 1 where they are pooled."""
    seed: int | None = None
    """Of the trial, which draws its training rows where the study trains on few."""
    settling: float = 0.0
    """Seconds that the prompt of the trial took to settle its wording (`execution.settling`), and its teacher to say what it thinks."""
    unlabelled: str | None = None
    """Digest of the unlabelled rows that the teacher of the trial looks at; None without one."""
    lesson: Lesson | None = None
    """What the teacher says of them."""
    extra: Extra | None = None
    """Those of them that a view of a later generation is trained on too."""
    mentors: Mentors | None = None
    """Whom the trial imitates."""
    structures: tuple[tuple[str, Structure], ...] = ()
    """Other layers than the base has, each with its link; the trial sees a base with those."""
    tokens: Path | None = None
    """Folder of another tokenizer than that of the base, which a compressor or the teacher of another study left; None without one."""
    reload: Reload | None = None
    """None where there are no such processes: the trial's own then reads what it saved."""

    def of(self, job: Job) -> Context:
        """The same study as a trial sees it: its training rows, its prompt."""
        return replace(self, seed=job.seed).behind(job.recipe)

    def behind(self, recipe: Recipe | None) -> Context:
        """The same study as the prompt of a recipe words it."""
        if recipe is None:
            return self
        found = self if recipe.teaching is None else replace(self, unlabelled=recipe.teaching.unlabelled)
        parsed = parse_method(recipe.method)
        found = replace(found.altered(parsed.structures), solved=isinstance(parsed.method, Solver))
        prompt = parsed.prompt if recipe.wording else None
        if prompt is None or recipe.wording is None:
            return found
        return replace(found, worded=Worded(prompt, found.setting(recipe.wording, recipe.generator)))

    def altered(self, structures: tuple[tuple[str, Structure], ...]) -> Context:
        """The same study on a base with other layers."""
        return replace(self, structures=structures) if structures else self

    @property
    def learned(self) -> str:
        """The split that is trained on: the labelled rows, beside a teacher with the unlabelled ones behind them, or these alone."""
        if self.lesson is not None:
            return UNLABELLED if self.lesson.alone else TAUGHT
        return "train" if self.mentors is None or self.mentors.labelled is None else TAUGHT

    def saying(self, wording: Wording) -> Context:
        """The same trial in another wording."""
        return self if self.worded is None else replace(self, worded=self.worded.saying(wording))

    def settled_in(self, folder: Path) -> Context:
        """The same trial as its prompt settled it when it ran, with the tokens that its compressors left.

        Args:
            folder: of the trial.

        Raises:
            ArtifactError: E-RUN when that is not there any more.
        """
        if (folder / TOKENS).is_dir():
            return replace(self, tokens=folder / TOKENS)  # nothing that is worded loses tokens
        if self.worded is None or not self.worded.prompt.settles:
            return self
        wording = read_kept(folder / WORDING, Wording)
        if wording is None:
            raise ArtifactError(
                f"{folder / WORDING} is missing or damaged. Delete the folder and run again to train that trial anew.", "E-RUN"
            )
        return self.saying(wording)

    def setting(self, wording: Wording, generator: Generator | None = None) -> Setting:
        """What a prompt is made for here."""
        columns, labels = self.dataset.columns, self.dataset.labels
        return Setting(
            wording, self.base, self.task, labels, columns_of(columns.text, columns.text_pair), self.long, generator, self.informed
        )

    @cached_property
    def dataset(self) -> Dataset:
        """Rows and labels of all splits."""
        found, few = load_dataset(self.run / "data"), self.conditions.few_shot
        found = few_shot(found, few, self.seed) if few is not None and self.seed is not None else found
        found = found if self.unlabelled is None else replace(found, unlabelled=self.unlabelled)
        return found if self.extra is None else grown(found, self.extra.rows, self.extra.answers)

    @cached_property
    def base(self) -> Base:
        """The base model, without weights; with the layers that the trial wants."""
        wanted = self.conditions
        found = open_base(wanted.model, pooling=wanted.pooling, max_length=wanted.max_length, revision=wanted.revision)
        found = structured(found, self.structures, wanted, self.seed, self.run / "cache")
        return found if self.tokens is None else replace(found, tokenizer=read_tokenizer(self.tokens))

    @cached_property
    def task(self) -> Task:
        """The task of the study."""
        task: Task = catalogue.load("tasks", self.conditions.task)
        return task

    @cached_property
    def device(self) -> torch.device:
        """Where the trial runs."""
        return pick_device(self.conditions.device)

    @property
    def precision(self) -> Precision:
        """Of its training steps."""
        return Precision(self.device, self.conditions.precision)

    @cached_property
    def head(self) -> HeadSpec:
        """What the task wants from the end of a network."""
        found = self.task.head_spec(self.dataset.labels) if self.worded is None else self.worded.head
        # Behind a mask states come from a layer norm, which gives them one length anyway.
        return replace(found, anchored=True) if self.solved and not found.soft else found

    @property
    def at_once(self) -> int | None:
        """Tokens of a step that are best in memory at a time; None for all, on a GPU."""
        return AT_ONCE if self.conditions.in_parts and self.device.type == "cpu" else None

    @property
    def answer_words(self) -> tuple[str, ...]:
        """What the answers are called: the words that a prompt gives them, else the names of the labels; nothing where they are none."""
        if self.worded is not None:
            return self.worded.setting.wording.in_turn
        return tuple(map(plain, self.dataset.labels)) if self.task.problem in LABELLED else ()

    @property
    def pad(self) -> int:
        """Number of the padding token."""
        return int(self.base.tokenizer.pad_token_id or 0)

    @property
    def types(self) -> bool:
        """Whether the base takes token types."""
        return "token_type_ids" in self.base.tokenizer.model_input_names

    @cached_property
    def gold(self) -> dict[str, Answers]:
        """The answers of each split; of unlabelled rows the likeliest by the lesson, and blanks without one."""
        found: dict[str, Any] = {name: examples.gold for name, examples in self.dataset.splits.items()}
        if UNLABELLED not in found:
            return found
        own, others = found["train"], found[UNLABELLED] if self.lesson is None else self.lesson.soft.argmax(axis=1)
        return found | {UNLABELLED: others, TAUGHT: np.r_[own, others] if isinstance(own, np.ndarray) else own + others}

    def targets(self, split: str, rows: NDArray[np.int64], words: NDArray[np.int64] | None = None) -> NDArray[Any]:
        """What the loss compares the logits of pieces of these rows with."""
        return self.task.targets(self.gold[split], rows, words, self.head.outputs)

    def targets_of(self, split: str, pieces: NDArray[np.int64]) -> NDArray[Any]:
        """The same for pieces by number, or for their rows where they are pooled."""
        return self.targets(split, self.encoded(split).answered(pieces))

    def pooled(self, split: str, logits: Tensor, pieces: NDArray[np.int64]) -> Tensor:
        """Logits of rows from those of their pieces, where these are pooled."""
        encoded = self.encoded(split)
        if encoded.pool is None:
            return logits
        return of_rows(logits, torch.from_numpy(encoded.owners(pieces)).to(self.device), peak=encoded.pool == "max")

    def batch(self, split: str, pieces: NDArray[np.int64], *, targets: bool = False, random: np.random.Generator | None = None) -> Batch:
        """Pieces of a split on the device, with targets for a loss when asked for; with `random` other tokens of them are hidden."""
        padded = self.encoded(split).padded(pieces, self.pad)
        if random is not None and padded.marks is not None:
            ids, marks = self._hider.again(padded.ids, padded.marks, random)
            padded = replace(padded, ids=ids, marks=marks)
        wanted = self.targets(split, padded.answered, padded.marks) if targets else None
        return make_batch(padded, types=self.types, targets=wanted).to(self.device)

    @cached_property
    def _hider(self) -> Hider:
        return Hider.of(self.base.tokenizer)

    def features(self, split: str, read: Read, name: str) -> Features:
        """States of a split through a frozen body; computed by the first trial that asks, shared by all others.

        Args:
            split: the rows.
            read: the body.
            name: of what is read from it: the pooling.
        """
        if split == "train" and self.extra is not None:
            own, others = replace(self, extra=None).features("train", read, name), self.features(UNLABELLED, read, name)
            more = others.states[self.encoded(UNLABELLED).pieces_of(self.extra.rows)]
            return Features(np.concatenate([own.states, more]) if len(own.states) else more, own.seconds)  # the others are charged once
        if split == TAUGHT:
            own, others = self.features("train", read, name), self.features(UNLABELLED, read, name)
            states = np.concatenate([own.states, others.states]) if len(own.states) else others.states
            paid = self.lesson is not None and name in self.lesson.read
            seconds = own.seconds + (0.0 if paid else others.seconds)
            return Features(states, seconds)
        return kept_features(read, self.encoded(split).lengths, partial(self.batch, split), self.cached(split, name))

    def cached(self, split: str, name: str) -> Path:
        """File (.npy) for what the base makes of a split, under a name for what that is."""
        body = f"-{Path(self.base.location.source).name}" if self.structures else ""
        body += f"-nf4-{self.base.packing.double}" if self.base.packing else ""
        return self.run / "cache" / f"{split}-{self._key(split)}-{name}{body}.npy"

    @cached_property
    def embedder(self) -> Read:
        """The base as it is, by its own pooling; a base with a stock head is mean-pooled."""
        return pooled(build_embedder(self.base).to(self.device), self.own_pooling)

    @property
    def own_pooling(self) -> str:
        """How `embedder` pools."""
        return self.base.pooling if self.base.pooling != "stock" else "mean"

    def _key(self, split: str) -> str:
        """Names everything that the tokens of a split depend on."""
        found = self.conditions
        # What was learned from the training rows decides which sentences are read.
        known = self.dataset.digest_of("train") if self.long.selects else ""
        lengths = (found.max_length, found.target_length, found.long, known)
        worded = () if self.worded is None or self.worded.pieces is None else (self.worded.prompt, self.worded.setting.wording)
        other = () if self.tokens is None else (file_digest(self.tokens / "tokenizer.json"),)
        return digest(self.dataset.digest_of(split), split, found.model, found.weights, found.revision, lengths, *worded, *other, length=12)

    def encoded(self, split: str) -> Encoded:
        """The tokens of a split; encoded by the first trial that asks, shared by all others."""
        if split == TAUGHT and split not in self._encoded:
            self._encoded[split] = self.encoded("train").followed_by(self.encoded(UNLABELLED))
        if split not in self._encoded:
            path = self.run / "cache" / f"{split}-{self._key(split)}"
            chunks = self.dataset.splits[split].chunks()
            room = Room(self.conditions.max_length, self.conditions.target_length)
            self._encoded[split] = encode_to_disk(self.base.tokenizer, chunks, room, path, self.pieces)
            self.informed.rest()
        return self._encoded[split]

    @property
    def pieces(self) -> Pieces | str:
        """How rows become pieces."""
        return self.reader if self.worded is None else self.worded.pieces or self.reader

    @cached_property
    def long(self) -> Long:
        """How texts are read that are too long."""
        return Long.parse(self.conditions.long, FIELDS)

    @cached_property
    def known(self) -> Known | None:
        """What the training rows taught of sentences that matter; None where none are chosen."""
        if not self.long.selects:
            return None
        path = self.run / "cache" / f"known-{self.dataset.digest_of('train')}.json"
        kept = read_kept(path, Known)
        if kept is None:
            kept = learn(told_rows(self.dataset))
            write_atomic(path, kept.model_dump_json())
        return kept

    @property
    def reader(self) -> str | Pieces:
        """How rows become pieces, without a prompt."""
        return reader_of(pieces_of(self.dataset.gold.pieces, self.base.config), self.long, self.known, self.informed)

    @cached_property
    def informed(self) -> Surprise:
        """The base as it is, which says how surprising words are; read where somebody asks."""
        return Surprise(self.base, self.device)

    @cached_property
    def _encoded(self) -> dict[str, Encoded]:
        return {}

    def predict(self, network: Network, split: str, decoding: Decoding | None = None, recall: Recall | None = None) -> Decoded:
        """Predictions of the network on a split, in file order; texts are written as `decoding` says, without `recall`."""
        options: dict[str, Any] = {"pad": self.pad, "types": self.types, "device": self.device}
        if self.task.writes:
            return write(network, self.encoded(split), self.task, self.writer(decoding), **options)
        return self.joined(split, predict(network, self.encoded(split), self.task, recall=recall, **options))

    def writer(self, decoding: Decoding | None) -> Writer:
        """How texts are written in this study."""
        return Writer(self.base.tokenizer, decoding or Decoding(), self.conditions.target_length)

    def judge(self, network: Network, split: str, recall: Recall | None = None) -> Decoded:
        """What the network is judged by while it trains: its predictions, or how likely it finds the texts that it shall write."""
        if not self.task.writes:
            return self.predict(network, split, recall=recall)
        return predict(network, self.encoded(split), self.task, pad=self.pad, types=self.types, device=self.device)

    @property
    def judged_by(self) -> str:
        """Name of what a network is judged by while it trains."""
        return "likelihood" if self.task.writes else self.conditions.metric

    def joined(self, split: str, decoded: Decoded) -> Decoded:
        """Answers of the rows of a split from those of its pieces."""
        examples = self.dataset.splits[split]
        sizes = None if examples.words is None else [len(row) for row in examples.words]
        return self.task.join(decoded, self.encoded(split), self.dataset.labels, sizes, examples.pairs)

    def judgement(self, split: str, judged: Decoded) -> float:
        """The study's metric of predictions, the mean likelihood of a token of texts; a fraction."""
        return tally_likelihood("likelihood", judged.predicted).score() if self.task.writes else self.score(split, judged)

    def score(self, split: str, decoded: Decoded) -> float:
        """The study's metric as a fraction."""
        return self.task.tally(self.conditions.metric, self.gold[split], decoded.predicted, self.dataset.labels).score()

    def scores(self, decoded: Mapping[str, Decoded]) -> Scores:
        """The study's metric on each of the splits that were predicted."""
        found = {split: self.score(split, one) for split, one in decoded.items()}
        further = {
            name: FurtherScore(data=data, score=found[split_of(name)])
            for name, data in self.dataset.manifest.further.items()
            if split_of(name) in found
        }
        return Scores(dev=found.get("dev"), test=found.get(MAIN), further=further)

    def store(self, folder: Path, decoded: Mapping[str, Decoded]) -> None:
        """Keep predictions beside the gold labels in a trial's folder."""
        found = {split: Predictions(self.gold[split], one.predicted, one.confidence) for split, one in decoded.items()}
        write_predictions(folder, found)
