"""What a trial leaves behind: its files, its scores, its proven update, its record; and the way to it, which all trainings share.

trials/<digest>/recipe.json  events.jsonl  record.json  dev.parquet  test.parquet  test-NAME.parquet  samples.json  delta/  golden.json
wording.json
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from leantune.core.errors import LeantuneError
from leantune.core.events import Evaluated, Event, Finished, Noted, Started
from leantune.core.files import disk_refusal, write_atomic
from leantune.core.records import Cost, CurvePoint, Flops, Scores, Stage, Status, TrialRecord
from leantune.core.study import Job
from leantune.core.trial_folder import write_record
from leantune.data.telling import KNOWN
from leantune.data.test_sets import MAIN
from leantune.evaluate.flops import flops_per_row
from leantune.evaluate.samples import Passages, samples
from leantune.execution.checkpoint import Checkpoints
from leantune.execution.context import WORDING, Context
from leantune.execution.course import Course, Seen
from leantune.execution.crew import ALONE, Crew
from leantune.execution.device import out_of_memory, peak_memory, release
from leantune.execution.loop import BestLook, Diverged, apply_trainable, fit, head_names, trained_names
from leantune.execution.reloading import DELTA, reload, write_golden
from leantune.kinds.structure import is_of_the_run
from leantune.kinds.task import Decoded
from leantune.models.adaptation import Adaptation
from leantune.models.delta import delta_bytes, write_delta, write_standing
from leantune.models.joint import Joint
from leantune.models.network import Network

SAMPLES = "samples.json"


@dataclass(frozen=True)
class Attached:
    """A network with a method in it."""

    network: Network
    adaptation: Adaptation
    solve: Callable[[], tuple[str, ...]] | None = None
    """Computes the head, where the method does that in one go; gives what is to be noted."""
    seconds: float = 0.0
    """That it took to choose what is trained."""


class Outcome:
    """The state of one trial on its way to a record."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.job, self.folder = job, folder
        self.status: Status = "ok"
        self.reason: str | None = None
        self.scores, self.cost = Scores(), Cost()
        self.curve: list[CurvePoint] = []
        self.notes: list[str] = []
        self.checkpoints = Checkpoints(folder.parents[1] / "checkpoints" / folder.name, job.conduct.checkpoint)
        self.stages: list[Stage] = []
        self.several = False
        """Whether several processes train."""

    def carry_out(self, work: Iterator[Event]) -> Iterator[Event]:
        """The events of the work, logged; the last one carries the record, whatever happened."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.job.recipe is not None:
            write_atomic(self.folder / "recipe.json", self.job.recipe.model_dump_json(indent=1))
        with (self.folder / "events.jsonl").open("w", encoding="utf-8") as log:
            for event in self._guarded(work):
                log.write(event.model_dump_json() + "\n")
                log.flush()
                yield event
        yield Finished(record=self.finish())

    def _guarded(self, work: Iterator[Event]) -> Iterator[Event]:
        """A failure becomes a status with a reason."""
        try:
            yield from work
        except Diverged as error:
            self.status, self.reason = "diverged", str(error)
        except LeantuneError as error:
            self.status, self.reason = "failed", error.message
        except Exception as error:
            if out_of_memory(error):
                self.status, self.reason = "failed", self._out_of_memory()
            elif (refusal := disk_refusal(error)) is not None:
                self.status, self.reason = "failed", refusal
            else:
                raise

    def train(
        self,
        network: Network | Joint,
        adaptation: Adaptation,
        course: Callable[[], Course[Seen]],
        device: torch.device,
        crew: Callable[[Course[Seen]], tuple[AbstractContextManager[Crew], str | None]] = lambda _: (nullcontext(ALONE), None),
    ) -> Generator[Event, None, Seen]:
        """Train to the end; what was measured is noted. Gives what the best look at dev saw.

        Args:
            network: what is trained ...
            adaptation: ... of it.
            course: is ready when it is asked for.
            device: whose memory is measured.
            crew: the processes that train it together, and what is to be noted of that.
        """
        job = self.job
        assert job.recipe is not None
        trained = apply_trainable(network, trained_names(network, adaptation))
        heads = head_names(network, frozenset(trained))
        counts = {name: parameter.numel() for name, parameter in trained.items()}
        self.cost = Cost(
            trainable_params=sum(counts.values()),
            trainable_params_without_head=sum(count for name, count in counts.items() if name not in heads),
        )
        yield Started(name=job.name, steps=job.recipe.steps, trainable_params=sum(counts.values()))
        looks, setup = BestLook[Seen](), course()
        processes, note = crew(setup)
        if note is not None:
            self.notes.append(note)
            yield Noted(text=note, at_once=True)
        with processes as together:
            self.several = together.size > 1
            for event in fit(setup, looks, self.checkpoints, micro_batch=self.job.conduct.micro_batch, crew=together):
                if isinstance(event, Evaluated):
                    self.curve.append(event.point)
                if isinstance(event, Noted):
                    self.notes.append(event.text)
                yield event
        self.cost = self.cost.model_copy(update={"train_seconds": self.curve[-1].seconds, "peak_memory_bytes": peak_memory(device)})
        if 0 < self.curve[-1].step < job.recipe.steps:
            self.notes.append(f"stopped early at step {self.curve[-1].step} of {job.recipe.steps}: dev did not improve any more")
            yield Noted(text=self.notes[-1])
        return looks.best

    def _out_of_memory(self) -> str:
        if self.several:
            return "out of memory; processes that train together do not halve a step by themselves: give a smaller --micro-batch"
        return "out of memory, for a single row too; try a smaller --max-length"

    def begin_with(self, record: TrialRecord) -> None:
        """Go on from a finished trial: its training counts for this one too."""
        kept = {"train_seconds", "trainable_params", "trainable_params_without_head", "peak_memory_bytes"}
        self.cost = Cost.model_validate(record.cost.model_dump(include=kept))
        self.curve, self.notes = list(record.curve), list(record.notes)

    def say_one_answer(self, why: str) -> None:
        """Note that the predictions are no answer to the rows.

        Args:
            why: as `Task.collapsed` says it.
        """
        self.status, self.reason = "one_class", f"{why}: {'it did not converge' if self.cost.trainable_params else 'nothing was trained'}"

    def finish(self) -> TrialRecord:
        """Write the record."""
        record = TrialRecord(
            digest=self.folder.name,
            name=self.job.name,
            method=self.job.expression,
            phase=self.job.phase,
            recipe=self.job.recipe,
            seed=self.job.seed,
            status=self.status,
            reason=self.reason,
            scores=self.scores,
            cost=self.cost,
            curve=self.curve,
            stages=self.stages,
            notes=self.notes,
        )
        record = write_record(self.folder, record)
        if self.status != "failed":  # a failed trial is run again
            self.checkpoints.clear()
        return record


class Results(Outcome):
    """Of one task: scored on its rows, saved for it."""

    def __init__(self, context: Context, job: Job, folder: Path) -> None:
        super().__init__(job, folder)
        self.context = context

    def settled(self, context: Context, notes: Sequence[str]) -> Iterator[Event]:
        """Go on with a context whose prompt has settled its wording; that is kept, and what was found is noted."""
        self.context = context
        if context.worded is not None and context.worded.prompt.settles:
            write_atomic(self.folder / WORDING, context.worded.setting.wording.model_dump_json(indent=1))
        yield from self.noted(notes)

    def taught(self, context: Context, notes: Sequence[str]) -> Iterator[Event]:
        """Go on with a context that has a lesson of its teacher; what that found is noted."""
        self.context = context
        yield from self.noted(notes)

    def noted(self, notes: Sequence[str], *, at_once: bool = False) -> Iterator[Event]:
        """Keep in the record, and tell."""
        for text in notes:
            self.notes.append(text)
            yield Noted(text=text, at_once=at_once)

    def score(self, dev: Decoded, predict: Callable[[str], Decoded]) -> None:
        """Dev for choosing; the test sets only in full-length trials, stored and not looked at by anything that chooses."""
        decoded = {"dev": dev}
        if self.job.phase != "race":
            decoded |= {split: predict(split) for split in self.context.dataset.tests.values()}
        self.scores = self.context.scores(decoded)
        # Few rows come without dev, where nothing may be looked at but themselves; each label has as many of them.
        shown = predict("train") if self.context.conditions.few_shot else dev
        if why := self.context.task.collapsed(shown.predicted, self.context.dataset.labels):
            self.say_one_answer(why)
        self.context.store(self.folder, decoded)

    def sample(self, network: Network) -> None:
        """Keep what the network says in some test passages, to look at."""
        context = self.context
        encoded, rows = context.encoded(MAIN), context.dataset.splits[MAIN].rows
        passages = Passages(encoded, rows, context.base.tokenizer, context.pad, context.types, context.device)
        found = samples(network, passages, masked=context.head.kind == "masked")
        write_atomic(self.folder / SAMPLES, json.dumps([one.model_dump() for one in found]))

    def save(self, attached: Attached) -> None:
        """Write the trained update, with what reading its texts needs."""
        context, network = self.context, attached.network
        if is_of_the_run(context.structures):
            write_standing(network, context.base, self.folder / DELTA)
        else:
            write_delta(network, attached.adaptation, context.base, self.folder / DELTA)
        if context.known is not None and context.worded is None:
            write_atomic(self.folder / DELTA / KNOWN, context.known.model_dump_json())

    def rescued(self, attached: Attached, error: Diverged) -> Iterator[Event]:
        """Keep the last good weights of a training that diverged; they are not scored and never chosen."""
        if error.kept is None:
            yield from self.noted(["no weights are kept: those before the divergence were no finite numbers"])
        elif self.job.phase != "race":
            self.save(attached)
            yield from self.noted([f"the weights of step {error.kept} are kept in {self.folder / DELTA}"])

    def measure(self, attached: Attached, dev: Decoded) -> None:
        """Save; read back, prove that nothing was lost, and measure what will be delivered."""
        context, network = self.context, attached.network
        self.save(attached)
        write_golden(context, network, dev, self.folder)
        release()  # on a GPU the one that reads it back needs room
        found = (context.reload or reload)(context.run, context.conditions, self.job, self.folder)
        if found.problem is not None:
            self.status, self.reason = "failed", f"the saved model: {found.problem}"
            return
        where = "" if context.reload is None else " in a fresh process"
        proof = f"largest difference of a logit {found.difference:.1e} on {found.rows} dev rows"
        self.notes.append(f"saved, reloaded{where} and merged: {proof}")
        sizes = {"model_params": found.model_params, "model_bytes": found.model_bytes, "saved_bytes": delta_bytes(self.folder / DELTA)}
        flops = self._flops(network) if self.job.measure and not found.packed else None
        self.cost = self.cost.model_copy(update=sizes | {"latency_ms": found.latency_ms, "flops_per_row": flops})

    def _flops(self, network: Network) -> Flops | None:
        """For rows of median length; None where torch does not count what another runtime does, or the products of packed weights."""
        context, units = self.context, self.context.encoded("dev").units
        median = np.argsort(units.lengths, kind="stable")[len(units) // 2 - 4 : len(units) // 2 + 4]
        batch = context.batch("dev", units.pieces(median), targets=True)
        flops = flops_per_row(network, context.task, batch, rows=len(median))
        return flops if flops and flops.predict else None
