"""The report of a mixture: what sharing cost or gained, as one HTML page and as Markdown. The reports of the tasks lie in their folders.

write_mixture(sharing, Path("runs/mix-minilm"))  ->  report.html, report.md
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from leantune.comparison import sharing_table
from leantune.comparison.table import Table
from leantune.core.errors import ArtifactError
from leantune.core.files import write_atomic
from leantune.core.human import plural, points
from leantune.core.sharing import Sharing
from leantune.report.html import page
from leantune.report.markdown import block, code, plain

FILE = "mixture.json"


def read_sharing(run: Path) -> Sharing:
    """What a mixture left in its run folder.

    Raises:
        ArtifactError: E-RUN when it is damaged.
    """
    try:
        return Sharing.model_validate_json((run / FILE).read_bytes())
    except (OSError, ValidationError) as error:
        again = "Run the `leantune compare` command of this run again: finished trials are kept."
        raise ArtifactError(f"{run / FILE}: is damaged ({str(error).splitlines()[0]}). {again}", "E-RUN") from error


def write_mixture(sharing: Sharing, folder: Path) -> dict[str, Path]:
    """Write report.html and report.md; where they lie, by kind.

    Raises:
        ArtifactError: E-FILE when the folder cannot be written.
    """
    paths = {"html": folder / "report.html", "markdown": folder / "report.md"}
    try:
        write_atomic(paths["html"], render_html(sharing))
        write_atomic(paths["markdown"], render_markdown(sharing))
    except OSError as error:
        text = f"{folder}: the report cannot be written: {error.strerror}. Choose another folder with --out."
        raise ArtifactError(text, "E-FILE") from error
    return paths


def render_html(sharing: Sharing) -> str:
    """The whole page as text."""
    parts = {"turns": sharing_table.turns(sharing), "scores": sharing_table.scores(sharing), "costs": sharing_table.costs(sharing)}
    return page("mixture.html.j2", {"sharing": sharing, "legend": legend(sharing), "details": _details(sharing), **parts})


def render_markdown(sharing: Sharing) -> str:
    """The whole document as text."""
    title = f"# {plain(', '.join(task.name for task in sharing.tasks))}: several tasks at once"
    parts = [title, plain(sharing.choice.reason), _table(sharing_table.scores(sharing)), plain(legend(sharing))]
    parts += [_table(sharing_table.costs(sharing)), _table(sharing_table.turns(sharing))]
    parts += ["\n".join(f"- {plain(line)}" for line in [*_details(sharing), *sharing.lines])]
    if sharing.left_out:
        left = [f"- {code(name)}: {plain(reason)}" for name, reason in sharing.left_out.items()]
        parts.append("Left out before anything ran:\n\n" + "\n".join(left))
    reports = [f"- [{task.name} alone](tasks/{task.name}/report.md)" for task in sharing.tasks]
    return "\n\n".join([*parts, "\n".join(reports), "How to run it again:\n\n" + block(sharing.command)]) + "\n"


def legend(sharing: Sharing) -> str:
    """How the tables are to be read."""
    margin, tasks = points(sharing.margin, signed=False), plural(len(sharing.tasks), "task")
    return (
        f"Together: one body with the method in it and a head for each of {tasks}, {sharing.steps:,} steps, tasks drawn in proportion "
        f"to rows ** {sharing.temperature:g}. Alone: the same method for each task by itself, with as many steps in all. "
        f"Differences are together minus alone with 90 % intervals over {plural(sharing.seeds, 'seed')} and test rows; "
        f"better: sharing gained; as good: it cost less than the margin of {margin}; worse: it cost. Base model: {sharing.model}."
    )


def _details(sharing: Sharing) -> list[str]:
    return [f"{method.name}, {score.task}: {score.detail}" for method in sharing.methods for score in method.tasks if score.detail]


def _table(made: Table) -> str:
    rule = ["---" if place < made.numbers_from else "---:" for place in range(len(made.header))]
    lines = [made.header, rule, *([code(line[0]), *map(plain, line[1:])] for line in made.lines)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
