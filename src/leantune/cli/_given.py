"""From the parameters of a command that trains to the options of its study; its files and its worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer

    from leantune.app.options import Options
    from leantune.execution.process import WorkerProcess


def study_options(parameters: Mapping[str, Any], **more: Any) -> Options:
    """Those parameters that are options of a study, under the same names, and what is put together of others.

    Raises:
        SpecError: for a value that cannot be.
    """
    from leantune.app.options import Options
    from leantune.core.records import Decoding

    decoding = {name: parameters[name] for name in Decoding.model_fields}
    return Options.of(**{name: value for name, value in parameters.items() if name in Options.model_fields}, decoding=decoding, **more)


def refuse_missing_files(parameters: Mapping[str, Any]) -> None:
    """Raise E-FILE for every file of a study that is not there."""
    from leantune.data.locate import refuse_missing
    from leantune.data.test_sets import named_files

    tests = named_files(parameters["test"] or [], "--test").values()
    refuse_missing(filter(None, [parameters["file"], parameters["dev"], *tests, parameters["unlabelled"]]))


def early_worker(context: typer.Context) -> WorkerProcess:
    """A worker that loads its libraries while this process loads its own; it ends with the command, however that ends."""
    from leantune.execution.process import WorkerProcess

    worker = WorkerProcess()
    context.call_on_close(worker.close)
    return worker
