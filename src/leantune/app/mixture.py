"""Several tasks on one base: a study for each in one run folder.

mixed = open_mixture(read_mix("mix.yaml"), Path("runs/mix-minilm"), options)
for line in mixed.inferences: print(line)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from leantune.app.candidates import Field, field_of
from leantune.app.mix_file import Ingredient, Mix, read_mix
from leantune.app.options import Options
from leantune.app.study import Sources, Study, default_run, open_study
from leantune.app.usual_methods import ONE_OF_EACH
from leantune.comparison.plan import Rows
from leantune.core.budget import parse_budget
from leantune.core.errors import ArtifactError, LeantuneError, Problems, SpecError
from leantune.core.study import Blend, Job, Part
from leantune.execution.lock import locked
from leantune.execution.mixture import TASK, task_folder
from leantune.kinds.method import Parsed
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
    def default_methods(self) -> tuple[str, ...]:
        """What takes part when no method is named."""
        return ONE_OF_EACH

    @property
    def first(self) -> Study:
        """The study of the first task."""
        return next(iter(self.studies.values()))

    @property
    def inferences(self) -> list[str]:
        """One line for each thing that was worked out."""
        return [f"{name}: {line}" for name, study in self.studies.items() for line in study.inferences]

    @property
    def rows(self) -> Rows:
        """Of all tasks."""
        found = [study.rows for study in self.studies.values()]
        train, dev, test = (sum(getattr(rows, split) for rows in found) for split in ("train", "dev", "test"))
        return Rows(train, dev, test, self.options.batch, tasks=len(found))

    def field(self, parsed: Sequence[Parsed]) -> Field:
        """The methods that can work on the shared body; every head stands outside of it."""
        first = self.first
        return field_of(parsed, first.base, first.context.head, first.conditions.task, first.options, outside=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folders of the mixture and of all its tasks."""
        with ExitStack() as stack:
            for run in (self.run, *(study.run for study in self.studies.values())):
                stack.enter_context(locked(run))
            yield


def for_all(job: Job) -> Job:
    """The same job for all tasks at once."""
    assert job.recipe is not None
    return job.model_copy(update={"recipe": job.recipe.model_copy(update={"task": TASK})})


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
    single = {"few-shot": options.few_shot is not None, "prompt": options.prompt, "labels": options.labels}
    if alone := [name for name, value in single.items() if value]:
        raise SpecError(f"--{alone[0]} is for one task at a time: compare that task alone.", "E-OPTION")
    if (run / "study.json").is_file():
        raise ArtifactError(f'The folder "{run}" holds a study of one task. Choose another folder with --out.', "E-RUN")
    parse_budget(options.budget_text)
    problems, studies = Problems(mix.name), dict[str, Study]()
    shared = options.model_copy(update={"keep_all": True})  # a method that is dropped alone could not be held against the mixture
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
