"""Merge: several artifacts of one task, tuned from the same base, become one that costs no more to run than each of them.

    merge(["a/best", "b/best"], "merged", how="ties", dev="dev.csv") -> Merged(scores, kept, verdict)

A merge is a new candidate. With labelled rows it is held against its best ingredient (paired bootstrap over rows, 90 %), and where it is
clearly worse nothing is written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leantune.artifact.export import probed
from leantune.artifact.files import tally_of
from leantune.artifact.manifest import Facts
from leantune.artifact.predictor import Predictor, load, load_all
from leantune.artifact.publish import publish, refuse_foreign
from leantune.artifact.shared_base import base_state, other_base
from leantune.core.errors import ArtifactError, SpecError, unknown_name
from leantune.core.files import write_atomic
from leantune.core.human import percent, points
from leantune.core.records import Interval, Scores
from leantune.data.telling import KNOWN
from leantune.models.delta import is_plain, write_whole
from leantune.models.four_bit import is_packed
from leantune.models.merging import HOW, State, merged_state, usual_weights
from leantune.scores.bootstrap import difference
from leantune.scores.tally import Tally


@dataclass(frozen=True)
class Merged:
    """What came of a merge."""

    folder: Path
    """The new artifact."""
    members: list[str]
    """Folders that are in it; of a greedy soup maybe not all."""
    scores: dict[str, float]
    """Of the ingredients and of the merge (`merged`) on the labelled rows; empty without any."""
    gap: Interval | None
    """The merge less its best ingredient; None without labelled rows."""


@dataclass(frozen=True)
class Mix:
    """How to merge."""

    how: str = "soup"
    """soup, greedy, arithmetic, ties or dare."""
    weights: Sequence[float] | None = None
    """Of each artifact; equal ones when not given."""
    density: float = 0.5
    """Share of the differences that ties and dare keep."""
    seed: int = 0
    margin: float = 1.0
    """Points that the merge may lose against its best ingredient."""

    def refuse_if_wrong(self, count: int, *, labelled: bool) -> None:
        """Raise SpecError, all faults at once."""
        if self.how not in (*HOW, "greedy"):
            raise unknown_name("way to merge", self.how, (*HOW, "greedy"))
        faults = [] if count > 1 else ["name two artifacts or more."]
        if self.weights is not None and len(self.weights) != count:
            faults.append(f"--weights has {len(self.weights)} numbers for {count} artifacts.")
        if self.weights is not None and (self.how == "greedy" or min(self.weights, default=1) <= 0):
            faults.append("--weights takes numbers over 0, and none for greedy, which decides itself who is in.")
        if not 0 < self.density <= 1:
            faults.append(f"--density lies over 0 and up to 1. Got {self.density:g}.")
        if self.how == "greedy" and not labelled:
            faults.append("greedy asks labelled rows who is in. Give them with --dev FILE.")
        if faults:
            raise SpecError("merge: " + " ".join(faults), "E-OPTION")


def merge(folders: Sequence[str | Path], out: str | Path, mix: Mix, dev: str | None = None) -> Merged:
    """Merge artifacts into a new one.

    Args:
        folders: the artifacts.
        out: the new folder.
        mix: how.
        dev: labelled rows that the merge is judged by.

    Raises:
        ArtifactError: E-ARTIFACT when they do not fit together, or when the merge is clearly worse than its best ingredient.
        SpecError: E-OPTION for options that do not fit.
    """
    mix.refuse_if_wrong(len(folders), labelled=dev is not None)
    there = Path(out).expanduser()
    refuse_foreign(there)
    members = load_all(folders)
    names = [str(folder) for folder in folders]
    _refuse_strangers(names, members)
    kitchen = _Kitchen(names, members, mix, dev)
    chosen = kitchen.greedy() if mix.how == "greedy" else list(range(len(members)))
    made = kitchen.made(chosen)
    tallies = kitchen.tallies
    gap = None
    if dev is not None:
        best = max(tallies, key=lambda name: tallies[name].score())
        tallies["merged"] = tally_of(made, dev)
        gap = difference([tallies["merged"]], [tallies[best]]).interval
        _refuse_if_worse(gap, best, tallies, mix.margin)
    scores = {name: tally.score() for name, tally in tallies.items()}
    _write(made, [names[place] for place in chosen], mix, scores.get("merged"), there)
    return Merged(there, [names[place] for place in chosen], scores, gap)


class _Kitchen:
    """Ingredients, and what is made of them."""

    def __init__(self, names: Sequence[str], members: Sequence[Predictor], mix: Mix, dev: str | None) -> None:
        self.names, self.members, self.mix, self.dev = names, members, mix, dev
        self.how = "soup" if mix.how == "greedy" else mix.how
        self.base: State = {} if self.how == "soup" else base_state(names, members, self.how)
        self.tallies: dict[str, Tally] = {}
        if dev is not None:
            self.tallies = {name: tally_of(member, dev) for name, member in zip(names, members, strict=True)}

    def made(self, places: Sequence[int]) -> Predictor:
        """The merge of some of them."""
        weights = self.mix.weights or usual_weights(self.how, len(places))
        states = [self.members[place].network.state_dict() for place in places]
        found = merged_state(self.base, states, self.how, weights, density=self.mix.density, seed=self.mix.seed)
        member = load(self.names[places[0]], device="cpu")
        member.network.load_state_dict(found)
        return member

    def greedy(self) -> list[int]:
        """From the best on, each that does not lower the score of the soup (Wortsman et al. 2022, recipe 1)."""
        assert self.dev is not None
        scores = [self.tallies[name].score() for name in self.names]
        order = sorted(range(len(scores)), key=lambda place: -scores[place])
        chosen, best = order[:1], scores[order[0]]
        for place in order[1:]:
            tried = tally_of(self.made([*chosen, place]), self.dev).score()
            if tried >= best:
                chosen, best = [*chosen, place], tried
        return chosen


def _refuse_strangers(names: Sequence[str], members: Sequence[Predictor]) -> None:
    """What cannot be one model, told with the difference."""
    first = members[0]
    for name, member in zip(names, members, strict=True):
        if not is_plain(member.network):
            method = member.manifest.facts.method
            raise ArtifactError(f"{name}: {method} cannot be folded into the weights, so nothing can be merged with it.", "E-ARTIFACT")
        if is_packed(getattr(member.network.body, "config", None)):
            raise ArtifactError(
                f"{name}: its weights are kept in 4 bits, which cannot be averaged. Merge first, then quantize.", "E-ARTIFACT"
            )
        if found := _difference(first, member):
            hint = (
                " Put them together with leantune ensemble, and distil that into one model: distill(teacher='DIR')."
                if "base" in found
                else ""
            )
            raise ArtifactError(f"{name} does not fit to {names[0]}: {found}.{hint}", "E-ARTIFACT")


def _difference(one: Predictor, other: Predictor) -> str | None:
    own, its = one.manifest, other.manifest
    if found := other_task(own.facts, its.facts):
        return found
    if own.base.name == its.base.name and one.base.tokenizer.get_vocab() != other.base.tokenizer.get_vocab():
        return "it reads other tokens"
    shapes = [{name: value.shape for name, value in member.network.state_dict().items()} for member in (one, other)]
    if shapes[0] != shapes[1]:
        what = (
            "its base is of another shape"
            if other_base(own.base, its.base)
            else "its weights have other shapes, though its base is the same"
        )
        return f"{what}, and weights of different shapes cannot be averaged"
    if found := other_base(own.base, its.base):
        return found
    if own.facts.long != its.facts.long:
        return f"it reads texts that are too long by --long {its.facts.long}, and not by {own.facts.long}"
    same = (own.facts.pieces, own.facts.asked, own.facts.anchored, own.layout) == (
        its.facts.pieces,
        its.facts.asked,
        its.facts.anchored,
        its.layout,
    )
    return None if same else "it reads its rows in another way (prompt, head or pooling)"


def other_task(own: Facts, its: Facts) -> str | None:
    """How task or labels of an artifact differ from those of another one; None where they do not."""
    if own.task != its.task:
        return f"its task is {its.task} and not {own.task}"
    if own.labels != its.labels:
        strange = sorted(set(own.labels) ^ set(its.labels))
        return f"its labels are others ({', '.join(strange[:5])})" if strange else "its labels stand in another order"
    return None


def _refuse_if_worse(gap: Interval, best: str, tallies: dict[str, Tally], margin: float) -> None:
    if gap.high < 0 and gap.low <= -margin / 100:
        told = ", ".join(f"{name} {percent(tally.score())}" for name, tally in tallies.items())
        raise ArtifactError(
            f"The merge is worse than {best}: {points(gap.mean)} points, 90 % interval {points(gap.low)} to {points(gap.high)} ({told}). "
            "Nothing was written. Try another --how, or leave out what scores low.",
            "E-ARTIFACT",
        )


def _write(made: Predictor, members: Sequence[str], mix: Mix, score: float | None, folder: Path) -> None:
    """The artifact, proven on made-up rows."""
    kept = made.manifest
    said = f"{mix.how} of {len(members)} models"
    values = {"title": said, "paper": "-", "reason": f"{said}: {', '.join(members)}"}
    facts = kept.facts.model_copy(update=values | {"scores": Scores(dev=score), "interval": None, "verdict": None})
    golden = probed(made)
    with tempfile.TemporaryDirectory() as temporary:
        write_whole(made.network, made.base, Path(temporary))
        if made.known is not None:
            write_atomic(Path(temporary) / KNOWN, made.known.model_dump_json())
        publish(Path(temporary), folder, facts, replace(made.base), golden=golden, origin=kept.base)
