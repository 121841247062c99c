"""A test set opened: what every method scored on it, and how any two differ, paired by seed and row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from leantune.comparison.groups import Group
from leantune.comparison.holm import ERROR
from leantune.core.errors import ArtifactError
from leantune.core.records import Interval
from leantune.data.test_sets import MAIN, split_of
from leantune.evaluate.predictions import Predictions, same_answers
from leantune.scores.bootstrap import DEFAULT, Difference, Draws, difference, interval
from leantune.scores.tally import Tally

_TOLERANCE = 1e-3
"""How far a recorded score may lie from the one that its predictions give (scores may be rounded)."""


@dataclass(frozen=True)
class Outcomes:
    """Per tested method and seed the tally of its predictions on the test set."""

    tallies: Mapping[str, Mapping[int, Tally]]
    kinds: Mapping[str, str]
    rows: int

    @classmethod
    def read(
        cls,
        groups: Sequence[Group],
        predictions: Callable[[str, str], Predictions],
        tally: Callable[[Predictions], Tally],
        further: str | None = None,
    ) -> Outcomes:
        """Read every tested trial's predictions.

        Args:
            groups: the trials.
            predictions: from a trial's digest and a split to what it predicted.
            tally: of predictions.
            further: name of a further test set; None is the main one.

        Raises:
            ArtifactError: E-RUN when trials were scored on different rows or a record disagrees with its predictions.
        """
        tallies: dict[str, dict[int, Tally]] = {}
        first: Predictions | None = None
        split = MAIN if further is None else split_of(further)
        for group in groups:
            for seed, record in group.finished.items():
                score = record.scores.on(further)
                if score is None:
                    continue
                found = predictions(record.digest, split)
                first = first or found
                if not same_answers(found.gold, first.gold):
                    raise ArtifactError(f"trial {record.digest} ({group.name}) was scored on other {split} rows than the rest.", "E-RUN")
                counted = tally(found)
                _agree(record.digest, score, counted.score())
                tallies.setdefault(group.name, {})[seed] = counted
        return cls(tallies, {group.name: group.kind for group in groups}, 0 if first is None else len(first.gold))

    def mean(self, name: str) -> float:
        """Mean score over seeds."""
        return fmean(self.per_seed(name))

    def per_seed(self, name: str) -> list[float]:
        """Scores in the order of the seeds."""
        return [one.score() for one in self.tallies[name].values()]

    def interval(self, name: str) -> Interval | None:
        """Of a method's own score; None when it was not tested."""
        return interval(list(self.tallies[name].values())) if name in self.tallies else None

    def difference(self, name: str, reference: str, draws: Draws = DEFAULT) -> Difference | None:
        """Paired by seed; a floor that ran once stands beside every seed of the other. None without a common seed."""
        own, other = self.tallies.get(name), self.tallies.get(reference)
        if not own or not other:
            return None
        own, other = self._spread(name, other), self._spread(reference, own)
        seeds = sorted(set(own) & set(other))
        return difference([own[seed] for seed in seeds], [other[seed] for seed in seeds], draws) if seeds else None

    def nothing_above(self, floor: str) -> tuple[str, Interval] | None:
        """The best of the rest and its difference to `floor`, when none of the rest is above the floor; None otherwise.

        One error in twenty for the whole family: with k others each must pass at .05 / k (Bonferroni).
        """
        others = sorted((name for name in self.tallies if name != floor), key=lambda name: (-self.mean(name), name))
        if floor not in self.tallies or not others:
            return None
        draws = Draws(confidence=1 - 2 * ERROR / len(others))
        best: tuple[str, Interval] | None = None
        for name in others:
            found = self.difference(name, floor, draws)
            if found is not None and found.interval.low > 0:
                return None
            best = best or ((name, found.interval) if found else None)
        return best

    def _spread(self, name: str, seeds: Mapping[int, Tally]) -> Mapping[int, Tally]:
        own = self.tallies[name]
        if self.kinds[name] == "baseline" and len(own) == 1:
            return dict.fromkeys(seeds, next(iter(own.values())))
        return own


def _agree(digest: str, recorded: float, computed: float) -> None:
    if abs(recorded - computed) > _TOLERANCE:
        told = f"its record says a test score of {recorded:.4f}, its predictions give {computed:.4f}"
        raise ArtifactError(f"trial {digest}: {told}. Delete its folder and run again.", "E-RUN")
