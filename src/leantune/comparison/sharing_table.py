"""The tables of a mixture as plain cells: one source for the terminal and the reports.

method          task      together      alone         difference         verdict
lora(rank=8)    topics    93.1 ± 1.9 %  93.4 ± 1.8 %  -0.3 [-1.5, +0.9]  undecided

method          mean together  mean alone  numbers to store  alone      training   alone
"""

from __future__ import annotations

from leantune.comparison.table import Table, aligned
from leantune.core.human import DASH, count, duration, percent, points_interval, score_interval
from leantune.core.sharing import Sharing


def scores(sharing: Sharing) -> Table:
    """Every method on every task."""
    header = ["method", "task", "score", "together", "alone", "together - alone", "verdict"]
    metric = {task.name: task.metric for task in sharing.tasks}
    lines = [
        [
            method.name,
            score.task,
            metric[score.task],
            score_interval(score.shared),
            score_interval(score.separate),
            points_interval(score.difference),
            score.verdict or DASH,
        ]
        for method in sharing.methods
        for score in method.tasks
    ]
    return Table(header, lines, numbers_from=3)


def costs(sharing: Sharing) -> Table:
    """What all tasks need, both ways."""
    number = len(sharing.tasks)
    header = ["method", "mean together", "alone", f"numbers to store for {number} tasks", "alone", "training, one seed", "alone"]
    lines = [
        [
            f"{method.name} *" if method.name == sharing.choice.method else method.name,
            percent(method.shared_mean),
            percent(method.separate_mean),
            count(method.shared_params),
            count(method.separate_params),
            duration(method.shared_seconds),
            duration(method.separate_seconds),
        ]
        for method in sharing.methods
    ]
    return Table(header, lines, numbers_from=1)


def turns(sharing: Sharing) -> Table:
    """The tasks and their turns."""
    header = ["task", "kind", "data", "training rows", "share of the steps", "steps together", "steps alone"]
    lines = [
        [
            task.name,
            task.task,
            task.data,
            f"{task.rows.get('train', 0):,}",
            percent(task.share),
            f"{task.steps:,}",
            f"{task.steps_alone:,}",
        ]
        for task in sharing.tasks
    ]
    return Table(header, lines, numbers_from=3)


def text(sharing: Sharing) -> str:
    """The tables with aligned columns, for a terminal."""
    return "\n\n".join("\n".join(aligned(made)) for made in (turns(sharing), scores(sharing), costs(sharing)))
