"""A finished trial on test sets that came later: predicted from its saved update, without training anything again."""

from __future__ import annotations

from collections.abc import Iterator

from leantune.core.events import Event, Finished
from leantune.core.records import TrialRecord
from leantune.core.study import Job
from leantune.core.trial_folder import RECORD, write_record
from leantune.data.test_sets import split_of
from leantune.execution.context import Context
from leantune.execution.reloading import DELTA
from leantune.models.delta import read_delta


def run_further(context: Context, job: Job) -> Iterator[Event]:
    """Predict the further test sets that the trial of a job has not seen; the event carries its record with their scores."""
    folder = context.run / "trials" / job.digest(context.conditions)
    context = context.settled_in(folder)
    record = TrialRecord.model_validate_json((folder / RECORD).read_bytes())
    network = read_delta(context.base, folder / DELTA, context.head, merge=True).to(context.device)
    splits = [split_of(name) for name in record.scores.lacks(context.dataset.manifest.further)]
    decoded = {split: context.predict(network, split) for split in splits}
    context.store(folder, decoded)
    further = record.scores.further | context.scores(decoded).further
    record = record.model_copy(update={"scores": record.scores.model_copy(update={"further": further})})
    yield Finished(record=write_record(folder, record))
