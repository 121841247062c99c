"""Ensembling: several artifacts of one task, of whatever bases, become one folder that predicts the mean of their probabilities.

    ensemble(["a/best", "b/best"], "both", dev="dev.csv") -> Ensembled(folder, weights, scores, gap)

With labelled rows the weights are found by selection with replacement: from the best member on, in each of `ROUNDS` rounds the one that
brings the mean furthest is added once more, and how often a member was taken is its weight. Among equals the one that was taken least
is taken, and of all rounds the last that is as good as any counts, so that rows which decide nothing leave the weights equal.

Reference: Caruana et al. 2004 (ensemble selection from libraries of models, ICML).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from leantune import __version__
from leantune.artifact.card import card
from leantune.artifact.ensemble import MEMBERS, Ensemble, Said, blended, decoded, said_by
from leantune.artifact.export import probes, said
from leantune.artifact.files import labelled
from leantune.artifact.integrity import CARD
from leantune.artifact.manifest import Facts, Manifest, Member, write_manifest
from leantune.artifact.merging import other_task
from leantune.artifact.parity import prove
from leantune.artifact.predictor import Predictor, load_all
from leantune.artifact.publish import in_place, refuse_foreign, versions
from leantune.core.errors import ArtifactError, Problems, SpecError
from leantune.core.human import percent, plural
from leantune.core.measured import Cost, Scores
from leantune.core.records import Interval
from leantune.kinds.task import Answers, in_order
from leantune.models.delta import delta_bytes
from leantune.models.heads import VOCABULARY
from leantune.models.network import weight_bytes
from leantune.scores.bootstrap import difference
from leantune.scores.tally import Tally

ROUNDS = 20
TOGETHER = "ensemble"
"""What the ensemble is called among its members."""


@dataclass(frozen=True)
class Ensembled:
    """What came of an ensemble."""

    folder: Path
    """The new artifact."""
    weights: dict[str, float]
    """Of the probabilities of each artifact that was named; 0 for those that are not in it."""
    saved_bytes: int
    """Of all files of the members."""
    scores: dict[str, float]
    """Of the artifacts and of the `ensemble` on the labelled rows; empty without any."""
    gap: Interval | None
    """The ensemble less its best member, on rows that the weights were found on; None without any."""


def ensemble(folders: Sequence[str | Path], out: str | Path, dev: str | None = None) -> Ensembled:
    """Put artifacts together.

    Args:
        folders: the artifacts.
        out: the new folder.
        dev: labelled rows that the weights are found on; equal ones without.

    Raises:
        SpecError: E-OPTION for fewer than two artifacts, and for one that is named twice.
        ArtifactError: E-ARTIFACT when they do not fit together, or when none of the others helps the best of them.
    """
    names = [str(folder) for folder in folders]
    _refuse_too_few(names)
    there = Path(out).expanduser()
    refuse_foreign(there)
    members = load_all(names)
    _refuse_strangers(names, members)
    weights, scores, gap = [1 / len(names)] * len(names), dict[str, float](), None
    if dev is not None:
        bench = _Bench(members, dev)
        weights = bench.weights()
        if max(weights) == 1:
            best = names[weights.index(1)]
            raise ArtifactError(
                f"The ensemble is no better on {dev} than {best} alone: each of the others lowers its score. Nothing was written. "
                f"Take {best}.",
                "E-ARTIFACT",
            )
        alone = [bench.tally(one) for one in np.eye(len(names)).tolist()]
        together = bench.tally(weights)
        scores = {name: tally.score() for name, tally in zip([*names, TOGETHER], [*alone, together], strict=True)}
        gap = difference([together], [max(alone, key=Tally.score)]).interval
    kept = [(name, one, weight) for name, one, weight in zip(names, members, weights, strict=True) if weight]
    size = _write(kept, scores.get(TOGETHER), there)
    return Ensembled(there, dict(zip(names, weights, strict=True)), size, scores, gap)


class _Bench:
    """Members on labelled rows: what each says is computed once."""

    def __init__(self, members: Sequence[Predictor], dev: str) -> None:
        self.first = members[0]
        with labelled(self.first, dev) as (examples, _):
            self.gold: Answers = examples.gold
            self.chunks = list(examples.chunks())
            self.said: list[list[Said]] = [[said_by(one, chunk) for one in members] for chunk in self.chunks]
        self.count = len(members)

    def tally(self, weights: Sequence[float]) -> Tally:
        """Of the metric that the first member was chosen by."""
        task, facts = self.first.task, self.first.manifest.facts
        parts = [decoded(self.first, chunk, blended(task, logits, weights)) for chunk, logits in zip(self.chunks, self.said, strict=True)]
        found = in_order(np.arange(sum(len(part.confidence) for part in parts)), parts)
        return task.tally(facts.metric, self.gold, found.predicted, facts.labels)

    def weights(self) -> list[float]:
        """By selection with replacement."""
        taken, rounds = np.zeros(self.count), list[tuple[float, list[float]]]()
        for _ in range(ROUNDS):
            scores = [self.tally(((taken + one) / (taken + one).sum()).tolist()).score() for one in np.eye(self.count)]
            order = sorted(range(self.count), key=lambda place: (-scores[place], taken[place]))
            taken[order[0]] += 1
            rounds.append((scores[order[0]], (taken / taken.sum()).tolist()))
        best = max(score for score, _ in rounds)
        return [weights for score, weights in rounds if score == best][-1]


def _refuse_too_few(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if [Path(one).resolve() for one in names].count(Path(name).resolve()) > 1})
    if len(names) < 2 or twice:
        what = f"{twice[0]} is named twice. Name each artifact once" if twice else f"got {plural(len(names), 'artifact')}. Name two or more"
        raise SpecError(f"ensemble: {what}; with --dev FILE their weights are found.", "E-OPTION")


def _refuse_strangers(names: Sequence[str], members: Sequence[Predictor]) -> None:
    """All that does not go together, at once."""
    problems, first = Problems(f"These artifacts do not go together with {names[0]}"), members[0]
    if first.task.head in VOCABULARY:
        raise ArtifactError(
            f"ensemble: {first.manifest.facts.task} goes by the tokens of a vocabulary, which are others in each model, so their "
            "probabilities cannot be averaged. Let the artifacts teach one model instead: distill(teacher=[...]) takes such teachers where "
            "they have its tokenizer.",
            "E-ARTIFACT",
        )
    for name, member in zip(names[1:], members[1:], strict=True):
        own, its = first.manifest.facts, member.manifest.facts
        found = other_task(own, its)
        if found is None and (own.paired, own.pieces) != (its.paired, its.pieces):
            found = "it reads rows of another kind (pairs or single texts)"
        if found is not None:
            problems.add(f"{name}: {found}. Leave it out, or train it on the same task with the same labels.", "E-ARTIFACT")
    problems.raise_if_any(ArtifactError)


def _write(kept: Sequence[tuple[str, Predictor, float]], score: float | None, there: Path) -> int:
    """The artifact, proven in a fresh process on made-up rows; the bytes of its members."""
    first = kept[0][1]
    with in_place(there) as folder:
        listed = list[Member]()
        for number, (name, one, weight) in enumerate(kept, 1):
            place = f"{MEMBERS}/{number}"
            shutil.copytree(Path(name).expanduser(), folder / place)
            listed.append(Member(folder=place, weight=weight, method=one.manifest.facts.method, base=one.manifest.base))
        size = delta_bytes(folder)
        networks = sum(weight_bytes(one.network) for _, one, _ in kept)
        manifest = Manifest(
            leantune=__version__,
            versions=versions(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            facts=_facts(first.manifest.facts, [name for name, _, _ in kept], Cost(saved_bytes=size, model_bytes=networks), score),
            base=first.manifest.base,
            form="ensemble",
            members=listed,
            layout="members",
            max_length=max(one.manifest.max_length for _, one, _ in kept),
            loads_in=["leantune"],
        )
        whole = Ensemble(manifest, first.task, tuple(one for _, one, _ in kept))
        golden = said(whole, probes(first))
        write_manifest(folder, manifest)
        proof = prove(folder, manifest.facts, golden, ways=["leantune"])
        if proof.failed:
            raise ArtifactError(f"{folder}: cannot be loaded: {proof.failed['leantune']}", "E-ARTIFACT")
        manifest = manifest.model_copy(update={"proof": proof.sentence})
        (folder / CARD).write_text(card(manifest), encoding="utf-8")
        write_manifest(folder, manifest)
    return size


def _facts(first: Facts, names: Sequence[str], cost: Cost, score: float | None) -> Facts:
    """Of all together: what is one member's own is left out."""
    what = f"Ensemble of {len(names)} models"
    found = f", weights found on labelled rows ({percent(score)} there)" if score is not None else ""
    values: dict[str, Any] = {
        "method": "ensemble",
        "title": what,
        "paper": "-",
        "recipe": None,
        "asked": None,
        "anchored": False,
        "long": "head",
    }
    values |= {"virtual_tokens": 0, "scores": Scores(dev=score), "interval": None, "verdict": None, "cost": cost}
    return first.model_copy(update=values | {"reason": f"{what}: {', '.join(names)}{found}."})
