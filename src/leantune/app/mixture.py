"""Several tasks at once: a study for each, and one body that learns all of them.

    opened = open_mixture(read_mix("mix.yaml"), Path("runs/mix-minilm"), options)
    for progress in run_mixture_comparison(opened, ["full", "lora"], command="..."): ...

Each task is first compared alone, as ever; then every method is trained on all of them together, as many steps as they had together.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leantune.app.candidates import Candidate, Field, field_of, read_methods
from leantune.app.compare import run_comparison
from leantune.app.mix_file import Ingredient, Mix, read_mix
from leantune.app.mixture_ship import conclude_mixture
from leantune.app.options import Options
from leantune.app.progress import Doing, Done, Heard, Planned, Progress, Said, Shared, Tried, Trying, Turn
from leantune.app.racing import first_trial, race
from leantune.app.study import Sources, Study, default_run, open_study
from leantune.comparison.plan import Plan
from leantune.comparison.store import read_record
from leantune.core.budget import Budget, parse_budget
from leantune.core.errors import ArtifactError, BudgetError, LeantuneError, Problems, SpecError
from leantune.core.events import Finished
from leantune.core.records import Comparison, TrialRecord
from leantune.core.study import Blend, Job, Part
from leantune.execution.lock import locked
from leantune.execution.mixture import TASK, task_folder
from leantune.execution.process import WorkerProcess
from leantune.execution.runner import Runner
from leantune.models.heads import VOCABULARY


@dataclass(frozen=True)
class MixedStudy:
    """The studies of several tasks on one base, in one run folder."""

    run: Path
    mix: Mix
    options: Options
    studies: Mapping[str, Study]

    @property
    def blend(self) -> Blend:
        """What results depend on."""
        parts = tuple(Part(name=name, conditions=study.conditions) for name, study in self.studies.items())
        return Blend(parts=parts, temperature=self.mix.temperature)

    @property
    def first(self) -> Study:
        """The study of the first task."""
        return next(iter(self.studies.values()))

    @property
    def inferences(self) -> list[str]:
        """One line for each thing that was worked out."""
        return [f"{name}: {line}" for name, study in self.studies.items() for line in study.inferences]


def open_mixture_file(file: str, run: Path | None, options: Options) -> MixedStudy:
    """Open the tasks of a file; the run folder is runs/<file>-<model> when not given."""
    return open_mixture(read_mix(file), run or default_run(Sources(file), options.model), options)


def open_mixture(mix: Mix, run: Path, options: Options) -> MixedStudy:
    """Open the study of every task; the faults of all of them are told at once.

    Raises:
        LeantuneError: for everything that is wrong with options, data or model; nothing has been trained then.
    """
    given = [name for name in ("text", "text_pair", "label", "task", "metric") if getattr(options, name) is not None]
    if given:
        raise SpecError(f"{given[0]} differs from task to task: write it beside the task's file.", "E-OPTION")
    if (run / "study.json").is_file():
        raise ArtifactError(f'The folder "{run}" holds a study of one task. Choose another folder with --out.', "E-RUN")
    budget, problems, studies = parse_budget(options.budget_text), Problems(mix.name), dict[str, Study]()
    shared = options.model_copy(update={"keep_all": True, "budget": _budget_of_one(options, budget, len(mix.tasks))})
    for one in mix.tasks:
        try:
            studies[one.name] = _open_one(one, run, shared)
        except LeantuneError as error:
            problems.add(f"task {one.name}: {error.message}", error.code)
    problems.raise_if_any(SpecError)
    return MixedStudy(run, mix, options, studies)


def _open_one(one: Ingredient, run: Path, options: Options) -> Study:
    study = open_study(Sources(one.file, one.dev, one.test), task_folder(run, one.name), Options.of(**dict(options) | one.options))
    if study.context.head.kind in VOCABULARY:
        reason = f"{study.conditions.task} writes texts or models language, which takes the base's own head"
        raise SpecError(f"{reason}; tasks of a mixture have a head each. Compare it alone.", "E-OPTION")
    return study


def _budget_of_one(options: Options, budget: Budget, tasks: int) -> str | None:
    """Steps are for each trial; minutes are for all: half of them for the mixture, the rest for the tasks alone."""
    if options.budget is None or budget.seconds is None:
        return options.budget
    seconds = round(budget.seconds / (2 * tasks), 1)
    if seconds < 10:
        raise BudgetError(
            f"--budget {budget.text} is too short for {tasks} tasks alone and together. Give at least {20 * tasks}s.", "E-BUDGET"
        )
    return f"{seconds}s"


def run_mixture_comparison(
    mixed: MixedStudy, methods: Sequence[str], *, command: str, dry_run: bool = False, worker: WorkerProcess | None = None
) -> Iterator[Progress]:
    """Compare every task alone, then all of them together; the last progress is `Shared` (`Planned` for a dry run).

    Args:
        mixed: the studies.
        methods: expressions.
        command: how to run it again, for the reports.
        dry_run: stop after the plans of the tasks.
        worker: one that was started early.

    Raises:
        LeantuneError: for mistakes that can be known before training, and for a run folder in use.
    """
    parsed = read_methods(methods)
    plans, alone = dict[str, Plan](), dict[str, Comparison]()
    with locked(mixed.run):
        for name, study in mixed.studies.items():
            yield Turn(f"{name} alone", study)
            for progress in run_comparison(study, methods, command=command, dry_run=dry_run, worker=worker):
                if isinstance(progress, Planned):
                    plans[name] = progress.plan
                elif isinstance(progress, Done):
                    alone[name] = progress.comparison
                yield progress
            worker = None
        if dry_run:
            return
        first = mixed.first
        field = field_of(parsed, first.base, first.context.head, first.conditions.task, first.options, outside=True)
        yield Turn(f"{', '.join(mixed.studies)} together", first, alone=False)
        with ExitStack() as stack:
            for study in mixed.studies.values():
                stack.enter_context(locked(study.run))
            runner = stack.enter_context(Runner(mixed.run, mixed.blend))
            yield from _Together(mixed, field, runner, list(plans.values()), alone, command).run()


class _Together:
    """The state of the trials of a mixture on their way."""

    def __init__(
        self, mixed: MixedStudy, field: Field, runner: Runner, plans: Sequence[Plan], alone: Mapping[str, Comparison], command: str
    ) -> None:
        self.mixed, self.field, self.runner, self.alone, self.command = mixed, field, runner, alone, command
        self.seeds = mixed.first.spec.seeds
        self.steps, self.race_steps = sum(plan.steps for plan in plans), sum(plan.race_steps for plan in plans)
        self.looks, self.race_looks = max(plan.looks for plan in plans), max(plan.race_looks for plan in plans)
        self.left = sum(plan.total_seconds for plan in plans)
        self.lines: list[str] = []
        self.finals: list[TrialRecord] = []

    def run(self) -> Iterator[Progress]:
        """Races, seeds, the table, artifacts, report."""
        for candidate in self.field.candidates:
            yield from self._method(candidate)
        yield Doing("comparing with training alone, and proving the artifacts in fresh processes")
        made = conclude_mixture(self.mixed.run, self.mixed.studies, self.mixed.blend, self.alone, self.finals, self._told())
        yield Shared(made)

    def _told(self) -> dict[str, object]:
        mixed = self.mixed
        return {
            "command": self.command,
            "name": mixed.mix.name,
            "steps": self.steps,
            "lines": self.lines,
            "left_out": self.field.left_out,
        }

    def _method(self, candidate: Candidate) -> Iterator[Progress]:
        """The race, then every seed."""
        first, *further = self.seeds

        def short(lr: float) -> Job:
            return _for_all(candidate.job(lr, phase="race", seed=first, steps=self.race_steps, looks=self.race_looks))

        def long(lr: float, seed: int = first) -> Job:
            return _for_all(candidate.job(lr, phase="final", seed=seed, steps=self.steps, looks=self.looks, measure=seed == first))

        raced = yield from race(candidate, short, self._try, self._say, floor=0.0, on_dev="mean on dev")
        record, lr = yield from first_trial(candidate.name, raced.results, raced.lr, long, self._try, self._say, on_dev="mean on dev")
        self.finals.append(record)
        if record.status != "failed":
            for job in map(partial(long, lr), further):
                self.finals.append((yield from self._try(job)))

    def _known(self, job: Job) -> TrialRecord | None:
        """The record of a finished trial, where every task has what the trial left for it."""
        digest = job.digest(self.mixed.blend)
        record = read_record(self.mixed.run, digest)
        if record is None or record.status == "failed":
            return None
        whole = job.phase == "race" or all(read_record(study.run, digest) for study in self.mixed.studies.values())
        return record if whole else None

    def _try(self, job: Job) -> Generator[Progress, None, TrialRecord]:
        """Run one trial unless its record is there; gives the record back."""
        record = self._known(job)
        yield Trying(job, known=record is not None, seconds_left=max(0.0, self.left))
        if record is None:
            for event in self.runner.run(job):
                if isinstance(event, Finished):
                    record = event.record
                yield Heard(job, event)
        assert record is not None
        self.left -= record.cost.train_seconds or 0.0
        yield Tried(job, record)
        return record

    def _say(self, text: str) -> Said:
        self.lines.append(text)
        return Said(text)


def _for_all(job: Job) -> Job:
    """The same job for all tasks at once."""
    assert job.recipe is not None
    return job.model_copy(update={"recipe": job.recipe.model_copy(update={"task": TASK})})
