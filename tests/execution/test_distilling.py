"""Students of trained teachers: the loss by hand, kept logits and live ones, teachers that are trained once and paid by each student."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModel

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.events import Finished
from leantune.core.recipe import Distilling, Recipe
from leantune.core.records import TrialRecord
from leantune.core.study import Job
from leantune.data.dataset import prepare
from leantune.data.unlabelled_rows import keep_unlabelled
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import TAUGHT, Context
from leantune.execution.feed import TokenFeed
from leantune.execution.lecture import Heard, Judged, Kept, Live, Mentors, Taught
from leantune.execution.loop import BestLook, fit
from leantune.execution.trial import run_trial
from leantune.kinds.method import parse_method
from leantune.kinds.task import Task
from leantune.models.anatomy import anatomy
from leantune.models.build import outer_head
from leantune.models.network import Network
from leantune.teachers.distill import Distill
from studies_of_trials import asked_of, opened, tagged_rows

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]])
TEACHER = torch.tensor([[1.0, 0.5, -2.0], [3.0, 1.0, 0.0]])
OTHER = torch.tensor([[-4.0, 8.0, 0.0], [0.0, 0.0, 1.0]])


def classification() -> Task:
    task: Task = catalogue.load("tasks", "classification")
    return task


def taught(logits: Tensor, *teachers: Tensor, known: list[bool] | None = None, **options: object) -> Tensor:
    heard = Heard(logits, torch.tensor([0, 1]), teachers)
    asked = Distill.build("distill", options)
    shares = [1 / len(teachers)] * len(teachers)
    return Taught(classification(), lambda _: heard, asked, shares, None if known is None else lambda _: np.array(known))(np.arange(2))


def test_the_loss_by_hand() -> None:
    hard = -LOGITS.log_softmax(dim=-1)[[0, 1], [0, 1]].mean()
    p, q = (TEACHER / 4).softmax(dim=-1), (LOGITS / 4).softmax(dim=-1)
    soft = 16 * (p * (p / q).log()).sum(dim=-1).mean()
    torch.testing.assert_close(taught(LOGITS, TEACHER, temperature=4, hard=0.3), 0.3 * hard + 0.7 * soft)


def test_several_teachers_pull_as_the_mean_of_their_probabilities() -> None:
    ours, wanted = LOGITS.clone().requires_grad_(), LOGITS.clone().requires_grad_()
    taught(ours, TEACHER, OTHER, temperature=2, hard=0.0).backward()
    mean = ((TEACHER / 2).softmax(dim=-1) + (OTHER / 2).softmax(dim=-1)) / 2
    (-4 * (mean * (wanted / 2).log_softmax(dim=-1)).sum(dim=-1).mean()).backward()
    torch.testing.assert_close(ours.grad, wanted.grad)


def test_temperature_leaves_the_size_of_the_gradient() -> None:
    norms = []
    for temperature in (4.0, 8.0, 16.0):
        logits = (LOGITS / 4).requires_grad_()
        taught(logits, TEACHER / 4, temperature=temperature, hard=0.0).backward()
        assert logits.grad is not None
        norms.append(float(logits.grad.norm()))
    assert norms[0] == pytest.approx(norms[1], rel=0.1)
    assert norms[1] == pytest.approx(norms[2], rel=0.1)


def test_rows_without_labels_have_the_teacher_alone_and_the_same_weight() -> None:
    one, two = LOGITS[:1], LOGITS[1:]
    hard = -one.log_softmax(dim=-1)[0, 0]
    soft = [classification().imitation(row, said, torch.zeros(1), 2.0) for row, said in ((one, TEACHER[:1]), (two, TEACHER[1:]))]
    found = taught(LOGITS, TEACHER, known=[True, False], temperature=2, hard=0.3)
    torch.testing.assert_close(found, (0.3 * hard + 0.7 * soft[0] + soft[1]) / 2)


def test_padding_does_not_move_the_loss_of_tokens() -> None:
    task: Task = catalogue.load("tasks", "tagging")
    values, starts = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32), np.array([0, 2, 5])
    judged = Judged(values, lambda pieces: pieces, starts)
    losses = []
    for width in (3, 6):
        generator = torch.Generator().manual_seed(1)
        logits = torch.zeros(2, width, 3)
        logits[:, :3] = torch.randn(2, 3, 3, generator=generator)
        targets = torch.full((2, width), -100)
        targets[0, :2], targets[1, :3] = torch.tensor([0, 1]), torch.tensor([2, 0, 1])
        kept = Kept(lambda _, found=(logits, targets): found, [judged])  # type: ignore[misc]
        losses.append(Taught(task, kept, Distill.build("distill", {}), [1.0])(np.arange(2)))
    torch.testing.assert_close(losses[0], losses[1])
    np.testing.assert_array_equal(judged.said(np.array([1]), torch.zeros(1, 4, 3))[0, :3], values[2:])


Student = Callable[..., Job]


@pytest.fixture
def student(job: Callable[..., Job]) -> Student:
    """`student("distill(teacher=head) | layers(1) | full")`: a short trial; its teacher is trained a little too."""

    def make(expression: str, *, unlabelled: str | None = None, **changes: object) -> Job:
        asked = parse_method(expression).distiller
        assert asked is not None
        recipes = [job(teacher, task=changes.get("task", "classification"), lr=0.3, steps=80).recipe for teacher in asked.teacher]
        lesson = Distilling(teachers=tuple(filter(None, recipes)), names=asked.teacher, unlabelled=unlabelled)
        return job(expression, distilling=lesson, **changes)

    return make


def ran(context: Context, job: Job) -> TrialRecord:
    *_, last = run_trial(context.of(job), job)
    assert isinstance(last, Finished)
    assert last.record.status in ("ok", "one_class"), last.record.reason
    return last.record


def of_tags(tiny: Callable[[str], Path], run: Path) -> Context:
    return opened(str(tiny("sentence-bert")), run, prepare(tagged_rows(), run / "data"))


def test_a_teacher_is_trained_once_and_paid_by_each_student(context: Context, student: Student) -> None:
    first, second = (ran(context, student(f"distill(teacher={teacher}) | layers(1) | full")) for teacher in ("head", "head"))
    folders = list((context.run / "trials").iterdir())
    records = [TrialRecord.model_validate_json((folder / "record.json").read_bytes()) for folder in folders]
    (teacher,) = [record for record in records if record.name == "head"]
    assert teacher.phase == "final"
    assert teacher.cost.latency_ms is not None
    assert first.digest == second.digest
    before = (context.run / "trials" / teacher.digest / "record.json").stat().st_mtime_ns
    other = ran(context, student("distill(teacher=head) | head"))
    assert (context.run / "trials" / teacher.digest / "record.json").stat().st_mtime_ns == before
    assert len(list((context.run / "cache").glob("said-*.npy"))) == 1
    for record in (first, other):
        assert (record.cost.train_seconds or 0) > (teacher.cost.train_seconds or 0)
        assert record.notes[0].startswith("taught by head (dev ")


def test_kept_logits_are_those_of_the_teacher_beside_the_student(context: Context, student: Student) -> None:
    job = student("distill(teacher=head) | layers(1) | full")
    found = asked_of(context, job)[0]
    assert found.mentors is not None
    network = attach(found, job).network
    assert len(network.anatomy.blocks) == 1
    batch = partial(found.batch, "train", targets=True)
    beside = asked_of(context, student("distill(teacher=head, match=[logits, hidden]) | layers(1) | full"))[0]
    assert beside.mentors is not None
    feed = TokenFeed(network, batch, found.precision, found.task.sought)
    asked = Distill.build("distill", {})
    kept = Taught(found.task, Kept(feed, found.mentors.judged), asked, [1.0])
    beside_it = Live(found.task, network, beside.mentors.networks, [1.0], batch, found.precision, asked, [None])
    live = Taught(found.task, beside_it, asked, [1.0])
    network.eval()
    for pieces in ([0, 5, 9], [3]):
        torch.testing.assert_close(kept(np.array(pieces)), live(np.array(pieces)), rtol=1e-5, atol=1e-6)


def test_rows_without_labels_are_judged_and_learned(context: Context, student: Student) -> None:
    kept = keep_unlabelled(context.dataset, [{"text": f"a {word} card"} for word in ("great", "sad", "nice and happy")])
    job = student("distill(teacher=head) | layers(1) | full", unlabelled=kept.digest)
    found = asked_of(context, job)[0]
    assert found.learned == TAUGHT
    count = len(found.gold["train"])
    assert found.mentors is not None
    assert found.mentors.labelled is not None
    assert found.mentors.labelled(np.array([0, count, count + 2])).tolist() == [True, False, False]
    (judged,) = found.mentors.judged
    assert len(judged.values) == count + 3
    assert found.gold[TAUGHT][count:].tolist() == [-1] * 3  # nobody labels them: what the teacher says is all
    ran(context, job)


@pytest.mark.parametrize(
    "method",
    [
        "distill(teacher=head) | layers(1) | full",
        "distill(teacher=head, match=[hidden, attention, relations]) | layers(1) | lora",
        "distill(teacher=head) | head",
    ],
)
def test_tags_are_taught_token_by_token(tiny: Callable[[str], Path], tmp_path: Path, student: Student, method: str) -> None:
    context = of_tags(tiny, tmp_path)
    record = ran(context, student(method, task="tagging"))
    assert record.scores.dev is not None


def test_other_conditions_make_another_student(context: Context, student: Student) -> None:
    one = student("distill(teacher=head) | full")
    assert one.recipe is not None
    lesson = one.recipe.distilling
    assert lesson is not None
    changed = lesson.teachers[0].model_copy(update={"lr": 0.5})
    other = one.model_copy(update={"recipe": Recipe.build("x", one.recipe.model_dump() | {"distilling": replaced(lesson, changed)})})
    assert one.digest(context.conditions) != other.digest(context.conditions)


def replaced(lesson: Distilling, teacher: Recipe) -> Distilling:
    return lesson.model_copy(update={"teachers": (teacher,)})


def test_states_of_a_lesson_without_logits_leave_the_labels_alone() -> None:
    heard = Heard(LOGITS, torch.tensor([0, 1]), [TEACHER], apart=torch.tensor(0.25))
    asked = Distill.build("distill", {"match": ("hidden",), "weight": 2.0})
    wanted = classification().loss(LOGITS, torch.tensor([0, 1])) + 0.5
    torch.testing.assert_close(Taught(classification(), lambda _: heard, asked, [1.0])(np.arange(2)), wanted)


def test_replacing_a_context_keeps_its_teachers(context: Context, student: Student) -> None:
    found = asked_of(context, student("distill(teacher=head) | full"))[0]
    assert replace(found, settling=0.0).mentors is found.mentors
    pieces: NDArray[np.int64] = np.array([1, 2])
    assert found.mentors is not None
    assert found.mentors.judged[0].said(pieces, torch.zeros(2, 2)).shape == (2, 2)


def test_a_wider_teacher_is_matched_through_a_map_that_is_trained_and_not_kept(context: Context, student: Student, tmp_path: Path) -> None:
    job = student("distill(teacher=head, match=[logits, hidden], map_lr=0.01) | full")
    network = attach(context, job).network
    config = type(network.body.config).from_dict(network.body.config.to_dict() | {"hidden_size": 64})  # type: ignore[union-attr, operator]
    wide = AutoModel.from_config(config).eval()
    teacher = Network(wide, outer_head(64, network.head.out_features), network.pooling, anatomy(wide))  # type: ignore[union-attr]
    asked = Distill.build("distill", {"match": ("logits", "hidden"), "map_lr": 0.01})
    taught_by = replace(context, mentors=Mentors(asked, (1.0,), networks=(teacher,)))
    attached = attach(taught_by, job)
    setup = setup_of(taught_by, job, attached)
    assert setup.helpers is not None
    (weight,) = setup.helpers.parameters
    before, pieces = weight.detach().clone(), np.arange(8)
    apart = float(setup.objective(pieces))
    list(fit(setup, BestLook()))
    assert not torch.equal(weight, before)
    assert float(setup.objective(pieces)) < apart
    assert not any(value is weight for value in attached.network.parameters())
    other = replace(taught_by, mentors=Mentors(Distill.build("distill", {"match": ("attention",)}), (1.0,), networks=(teacher,)))
    teacher.anatomy = replace(teacher.anatomy, attention_heads=8)
    with pytest.raises(SpecError, match="heads and the teacher 8"):
        setup_of(other, job, attached)
