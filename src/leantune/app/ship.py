"""Ship: from the records of a run to `comparison.json`, the report and the artifact `best/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import peft
import transformers
from pydantic import TypeAdapter, ValidationError

from leantune import __version__
from leantune.app.study import Study
from leantune.artifact.manifest import Facts, read_manifest
from leantune.artifact.parity import read_golden
from leantune.artifact.publish import publish
from leantune.comparison.build import ComparisonInputs, build
from leantune.comparison.inspect import RowText
from leantune.core.files import write_atomic
from leantune.core.records import CheckReport, Comparison, Ledger, TrialRecord
from leantune.core.shown import Sample
from leantune.data import focus
from leantune.data.decoded import learned
from leantune.evaluate.predictions import read_predictions
from leantune.execution.device import machine
from leantune.execution.results import SAMPLES
from leantune.kinds.method import parse_method
from leantune.models.heads import pieces_of
from leantune.report.write import write_report

BEST = "best"
LEARNED = 4
"""Rows of train that are shown as they are trained on."""


@dataclass(frozen=True)
class Ways:
    """How a comparison came about."""

    command: str
    """How to run it again."""
    check: CheckReport
    ledger: Ledger
    left_out: Mapping[str, str]
    """Methods that cannot work here, with the reason."""
    dropped: Mapping[str, str]
    """Methods that were ruled out on dev, with the sentence."""


def conclude(study: Study, records: list[TrialRecord], ways: Ways, *, note: Callable[[str], None]) -> Comparison:
    """Compare the records, publish the chosen trial, write `comparison.json` and the report; `note` is told what was left out."""
    comparison = build(_inputs(study, records, ways, note))
    if comparison.choice.trial is not None:
        record = next(record for record in comparison.trials if record.digest == comparison.choice.trial)
        publish_trial(study, record, study.run / BEST, comparison)
        proof = read_manifest(study.run / BEST).proof
        choice = comparison.choice.model_copy(update={"artifact": BEST, "proof": proof})
        comparison = comparison.model_copy(update={"choice": choice})
    write_atomic(study.run / "comparison.json", comparison.model_dump_json(indent=1))
    write_report(study.run, note=note)
    return comparison


def publish_trial(study: Study, record: TrialRecord, folder: Path, comparison: Comparison | None = None) -> Path:
    """Make the artifact of one finished trial, proven in fresh processes."""
    assert record.recipe is not None
    method = parse_method(record.recipe.method).method
    row = next((row for row in comparison.methods if row.name == record.name), None) if comparison else None
    trial = study.run / "trials" / record.digest
    context = study.context.behind(record.recipe)
    settled = context.settled_in(trial)
    worded = settled.worded
    facts = Facts(
        task=study.conditions.task,
        labels=study.dataset.labels,
        outputs=study.context.head.outputs,
        pieces=pieces_of(study.dataset.gold.pieces, study.base.config),
        asked=worded.asks if worded else None,
        anchored=settled.head.anchored,
        target_length=study.conditions.target_length,
        long=study.conditions.long,
        decoding=record.recipe.decoding,
        method=record.recipe.method,
        title=method.card.title,
        paper=method.card.paper,
        recipe=record.recipe.model_copy(update={"wording": worded.setting.wording}) if worded else record.recipe,
        text=study.dataset.columns.text,
        text_pair=study.dataset.columns.text_pair,
        label=study.dataset.columns.label or "label",
        virtual_tokens=method.virtual_tokens() if method.card.prepends else 0,
        data=study.dataset.source,
        rows=study.sizes,
        metric=study.conditions.metric,
        scores=record.scores,
        interval=row.interval if row else None,
        verdict=row.verdict if row else None,
        reason=comparison.choice.reason if comparison else None,
        cost=row.cost if row else record.cost,
    )
    base = study.base if settled.tokens is None else replace(study.base, tokenizer=settled.base.tokenizer)
    return publish(trial / "delta", folder, facts, base, golden=read_golden(trial / "golden.json"))


def _inputs(study: Study, records: list[TrialRecord], ways: Ways, note: Callable[[str], None]) -> ComparisonInputs:
    test = study.dataset.splits["test"]

    def text(position: int) -> RowText:
        (first, second), *_ = test.take([position])
        if study.context.task.focus:
            return RowText(int(test.rows[position]), first, words=(test.words or [])[position], places=tuple(focus.read(second or "[]")))
        return RowText(int(test.rows[position]), first, second, None if test.words is None else test.words[position])

    return ComparisonInputs(
        study=facts_of(study),
        records=records,
        predictions=lambda digest, split: read_predictions(study.run, digest, split),
        task=study.context.task,
        metric=study.conditions.metric,
        margin=study.spec.margin,
        labels=study.dataset.labels,
        check=ways.check,
        ledger=ways.ledger,
        texts=text,
        learned=_learned(study),
        samples=lambda digest: read_samples(study.run / "trials" / digest / SAMPLES, note),
        tests=list(study.dataset.tests),
        command=ways.command,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        leantune=__version__,
        limits=study.spec.limits,
        prefer=study.spec.prefer,
        unsupported=ways.left_out,
        dropped=ways.dropped,
    )


def _learned(study: Study) -> list[Sample]:
    """Some rows of train as a decoder is trained on them, from the very tokens of the trials."""
    context = study.context
    if not context.task.writes or context.encoded("train").apart:
        return []
    encoded = context.encoded("train")
    pieces = np.linspace(0, len(encoded) - 1, min(LEARNED, len(encoded)), dtype=np.int64).tolist()
    return learned(study.base.tokenizer, encoded, pieces, study.dataset.splits["train"].rows)


def read_samples(path: Path, note: Callable[[str], None]) -> list[Sample]:
    """What a trial kept; nothing where its task keeps none, nor, with a note, where the file is damaged."""
    if not path.is_file():
        return []
    try:
        return TypeAdapter(list[Sample]).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        note(f"{path} is damaged, so the report shows no samples. Delete the folder {path.parent} and run again to train that trial anew.")
        return []


def facts_of(study: Study) -> dict[str, Any]:
    """The facts of a study for people and programs; what `Comparison.study` describes."""
    manifest = study.dataset.manifest
    return {
        "name": study.spec.name,
        "data": {
            "source": manifest.source,
            "digest": manifest.digest,
            "columns": manifest.columns.model_dump(),
            "splits": study.sizes,
            "labels": len(manifest.labels),
        },
        "model": {
            "name": study.base.name,
            "weights": study.conditions.weights,
            "revision": study.conditions.revision,
            "pooling": study.conditions.pooling,
            "max_length": study.conditions.max_length,
            "long_texts": study.conditions.long,
        },
        "task": study.conditions.task,
        "seeds": list(study.spec.seeds),
        "budget": study.options.budget_text,
        "metric": study.conditions.metric,
        "margin": study.spec.margin,
        "limits": study.spec.limits.model_dump(exclude_none=True),
        "prefer": study.spec.prefer,
        "training": {
            "batch_rows": study.options.batch,
            "dropout": study.options.dropout,
            "optimizer": study.options.optimizer,
            "schedule": study.options.schedule,
            "judged_by": study.context.judged_by,
        },
        "machine": machine() | {"device": study.conditions.device},
        "versions": {"leantune": __version__, "transformers": transformers.__version__, "peft": peft.__version__},
        "inferences": study.inferences,
    }
