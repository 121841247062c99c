"""From a run folder to its report, in a second and without torch.

write_report(Path("runs/tickets")) reads comparison.json and writes report.html, report.md, chart.png
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from leantune.core.errors import ArtifactError, some
from leantune.core.files import write_atomic
from leantune.core.records import VERSION, Comparison
from leantune.report.chart import write_chart
from leantune.report.html import render_html
from leantune.report.markdown import render_markdown
from leantune.report.mixture import FILE as MIXTURE
from leantune.report.mixture import read_sharing, write_mixture

Note = Callable[[str], None]


def _silent(_: str) -> None:
    """Nobody listens."""


def read_comparison(run_folder: Path) -> Comparison:
    """The comparison of a run folder.

    Raises:
        ArtifactError: E-RUN when comparison.json is missing, damaged or of a newer version.
    """
    path = run_folder / "comparison.json"
    again = "Run the `leantune compare` command of this run again: finished trials are kept."
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Comparison.model_validate(values)
    except FileNotFoundError:
        if run_folder.is_dir():
            raise ArtifactError(
                f"{run_folder}: there is no comparison.json, so the comparison has not got that far. {again}", "E-RUN"
            ) from None
        raise ArtifactError(f"{run_folder}: there is no such run folder. Give the folder that `leantune compare` wrote.", "E-RUN") from None
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}. Give the run folder itself.", "E-RUN") from None
    except ValidationError as error:
        raise ArtifactError(f"{path}: {_fault(values, error)} {again}", "E-RUN") from None
    except ValueError as error:
        raise ArtifactError(f"{path}: is damaged, not JSON ({error}). {again}", "E-RUN") from None


def write_report(run_folder: Path, out: Path | None = None, *, note: Note = _silent) -> dict[str, Path]:
    """Write report.html, report.md and chart.png into `out` (the run folder itself by default); a mixture has no chart.

    Args:
        run_folder: holds comparison.json.
        out: another folder for the documents; made where it is missing.
        note: told in one line what could not be written, such as the chart without matplotlib.

    Returns:
        Where the documents lie, by kind: html, markdown, chart.

    Raises:
        ArtifactError: E-RUN for a missing or damaged comparison, E-FILE when the folder cannot be written.
    """
    if (run_folder / MIXTURE).is_file():
        return write_mixture(read_sharing(run_folder), out or run_folder)
    return write_documents(read_comparison(run_folder), out or run_folder, note=note)


def write_documents(comparison: Comparison, folder: Path, *, note: Note = _silent) -> dict[str, Path]:
    """The same for a comparison at hand."""
    paths = {"html": folder / "report.html", "markdown": folder / "report.md", "chart": folder / "chart.png"}
    try:
        why_not = write_chart(comparison, paths["chart"])
        write_atomic(paths["html"], render_html(comparison, chart=why_not is None))
        write_atomic(paths["markdown"], render_markdown(comparison))
    except OSError as error:
        raise ArtifactError(
            f"{folder}: the report cannot be written: {error.strerror}. Choose another folder with --out.", "E-FILE"
        ) from error
    if why_not:
        note(why_not)
        del paths["chart"]
    return paths


def _fault(values: object, error: ValidationError) -> str:
    version = values.get("version") if isinstance(values, dict) else None
    if isinstance(version, int) and version > VERSION:
        return f"is of version {version}, this leantune reads up to {VERSION}. Upgrade leantune, or:"
    faults = [".".join(str(part) for part in fault["loc"]) + ": " + fault["msg"] for fault in error.errors()]
    return f"is damaged: {some(faults, most=3)}."
