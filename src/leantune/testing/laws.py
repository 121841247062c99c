"""The laws of a method: what every method must keep, ours and third parties' alike.

    from leantune.testing import laws, trial_run

    run = trial_run.start("gain", open_base(str(make("bert", folder))))
    for law in laws.LAWS.values():
        law(run)                                                    # AssertionError says what is broken

Each law is a function of one `Run`. `RUN_LAWS` compare what a run has noted; the others build what they need.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import annotated_types
import torch
from peft import PeftModel
from pydantic.fields import FieldInfo
from torch import Tensor

from leantune.core.errors import SpecError
from leantune.kinds.method import parse_method
from leantune.models.delta import merged, read_delta, write_delta
from leantune.models.network import Batch, Network
from leantune.testing.trial_run import Run, attach, batch_of, encode, fresh, logits, start

CLOSE = 1e-5
"""Largest difference of two logits that are the same up to rounding."""
Law = Callable[[Run], None]


def names_exist(run: Run) -> None:
    """Every name that the method declares as trained is a parameter of the body."""
    known = {name for name, _ in run.adaptation.body.named_parameters()}
    assert run.adaptation.trainable <= known, f"no such parameters: {sorted(run.adaptation.trainable - known)[:3]}"


def heads_are_trained(run: Run) -> None:
    """Freshly initialised modules are trained, or they would stay random."""
    if run.network.head is not None:
        assert {"head.weight", "head.bias"} <= run.trained
    for head in run.network.anatomy.heads:
        inside = {name for name, _ in run.network.named_parameters() if f".{head}." in name and ".original_module." not in name}
        assert inside, f"the head {head} is gone"
        assert inside <= run.trained, f"not trained: {sorted(inside - run.trained)[:3]}"


def cost_equals_count(run: Run) -> None:
    """The cost declared before anything is built is the number of trained parameters without heads."""
    sizes = {name: value.numel() for name, value in run.network.named_parameters()}
    heads = tuple(f".{head}." for head in run.network.anatomy.heads)
    counted = sum(sizes[name] for name in run.trained if not name.startswith("head.") and not any(head in name for head in heads))
    declared = run.method.cost(run.anatomy)
    assert declared == counted, f"declared {declared}, counted {counted}"


def frozen_weights_stay_bit_identical(run: Run) -> None:
    """Nothing but the trained parameters changes."""
    after = run.network.state_dict()
    shared = {value.data_ptr() for name, value in run.network.named_parameters() if name in run.trained}
    changed = [
        name
        for name, value in run.before.items()
        if name not in run.trained and after[name].data_ptr() not in shared and not torch.equal(value, after[name])
    ]
    assert not changed, f"changed without being trained: {changed[:3]}"


def every_trained_parameter_moves(run: Run) -> None:
    """A gradient reaches every trained parameter, and after a few steps each has moved."""
    assert not run.without_gradient, f"no gradient: {run.without_gradient[:3]}"
    after = run.network.state_dict()
    still = [name for name in run.trained if torch.equal(run.before[name], after[name])]
    assert not still, f"did not move: {sorted(still)[:3]}"


def identity_at_start(run: Run) -> None:
    """Where the card says so, the adapted model is the base before the first step."""
    if run.method.card.identity:
        difference = _difference(run.base_logits, run.start_logits)
        assert difference <= CLOSE, f"logits differ by {difference:.1e} before any step"


def same_seed_same_delta(run: Run) -> None:
    """New parameters depend on the seed and on nothing else."""
    torch.manual_seed(991)
    first = _attached(run, seed=5)
    torch.manual_seed(992)
    second = _attached(run, seed=5)
    differing = [name for name, value in first.items() if not torch.equal(value, second[name])]
    assert not differing, f"two attachments with one seed differ: {differing[:3]}"


def training_changes_the_logits(run: Run) -> None:
    """What is trained is used."""
    assert _difference(run.start_logits, run.end_logits) > 0


def padding_does_not_matter(run: Run) -> None:
    """A row's logits do not depend on the padding that its batch mates bring, neither for texts nor for pairs."""
    texts, others = ["the card was lost", "no"], ["never", "where is my very late order please help"]
    long = "the movie was so bad that i never want the worst food of the day again"
    for mates, pairs in (([*texts, long], None), ([*texts, long], [*others, long])):
        together = logits(run.network, encode(run.base, mates, pairs))
        for row, text in enumerate(texts):
            alone = logits(run.network, encode(run.base, [text], pairs and [pairs[row]]))
            difference = _difference(alone[0], together[row])
            assert difference <= 10 * CLOSE, f"padding changes the logits of {text!r} by {difference:.1e}"


def second_text_matters(run: Run) -> None:
    """The second text of a pair reaches the logits."""
    one = logits(run.network, encode(run.base, ["the card was lost"], ["good"]))
    two = logits(run.network, encode(run.base, ["the card was lost"], ["bad"]))
    assert _difference(one, two) > 0


def works_at_the_full_context(run: Run) -> None:
    """Virtual tokens and text together fit into the positions; the longest text that is left works."""
    room = run.base.context - run.method.virtual_tokens()
    assert room > 0
    ids = torch.full((1, room), int(encode(run.base, ["good"]).input_ids[0, -1]))
    types = None if encode(run.base, ["good"]).token_type_ids is None else torch.zeros_like(ids)
    assert logits(run.network, Batch(ids, torch.ones_like(ids), types)).isfinite().all()


def merge_keeps_logits(run: Run) -> None:
    """Folded into the weights, the logits stay; a method that cannot be folded in says so."""
    if not isinstance(run.network.body, PeftModel):
        return
    again = _reloaded(run, merge=False)
    plain = merged(again.body)
    if not run.method.card.mergeable:
        assert plain is None, "the card says that the method cannot be merged, but it was"
        return
    assert plain is not None, "the card says that the method can be merged, but it cannot"
    again.body = plain
    difference = _difference(run.end_logits, logits(again, _rows(run)))
    assert difference <= 10 * CLOSE, f"merged logits differ by {difference:.1e}"


def disabling_gives_the_base(run: Run) -> None:
    """Switched off, an adapter leaves no trace."""
    body = run.network.body
    if not isinstance(body, PeftModel) or run.method.card.prepends:
        return
    before = fresh(run.base, run.method, run.head)
    states = _states(before, _rows(run))
    with body.disable_adapter():
        difference = _difference(states, _states(replace_body(run.network, body), _rows(run)))
    assert difference <= CLOSE, f"the switched-off model differs from the base by {difference:.1e}"


def delta_roundtrip_keeps_logits(run: Run) -> None:
    """Stored, and read back on a fresh base, the logits are the same to the last bit.

    Virtual tokens that a network produced are stored as it produced them for one row, which rounds differently.
    """
    difference = _difference(run.end_logits, logits(_reloaded(run, merge=False), _rows(run)))
    assert difference <= (CLOSE if run.method.card.prepends else 0), f"reloaded logits differ by {difference:.1e}"


def loss_falls_in_twenty_steps(run: Run) -> None:
    """At its own start rate the method learns sixteen rows."""
    losses = start(run.expression, run.base, steps=20, head=run.head).losses
    assert min(losses[-3:]) < losses[0], f"loss went from {losses[0]:.3f} to {losses[-1]:.3f}"


def spec_json_roundtrip(run: Run) -> None:
    """A method is pure data."""
    assert type(run.method).model_validate_json(run.method.model_dump_json()) == run.method
    parsed = parse_method(run.expression)
    assert parse_method(parsed.name).method == run.method


def rejects_values_out_of_range(run: Run) -> None:
    """Every option with a bound refuses what lies beyond it, and an unknown option is refused."""
    kind, values = type(run.method), run.method.model_dump()
    for name, field in kind.model_fields.items():
        for wrong in _beyond(field):
            assert _refused(kind, values | {name: wrong}), f"{name}={wrong} is accepted"
    assert _refused(kind, values | {"no_such_option": 1})


def is_documented(run: Run) -> None:
    """The page of the method has a formula, what it trains, how it starts, what becomes of it and a reference."""
    kind = type(run.method)
    page = inspect.getdoc(sys.modules[kind.__module__]) or ""
    for word in ("Trains", "At start", "Afterwards", "Reference"):
        assert word in page, f'the docstring of {kind.__module__} does not say "{word}"'
    indented = [line for line in page.splitlines() if line.startswith("    ")]
    assert any(sign in line for line in indented for sign in ("=", "<-", "(")), "the docstring has no formula"
    card = kind.card
    assert all((card.title, card.paper, card.when)), "the card is not filled in"
    assert card.rates.low <= card.rates.start <= card.rates.high
    undescribed = [name for name, field in kind.model_fields.items() if not field.description]
    assert not undescribed, f"options without a description: {undescribed}"


LAWS: dict[str, Law] = {
    law.__name__: law
    for law in (
        names_exist,
        heads_are_trained,
        cost_equals_count,
        frozen_weights_stay_bit_identical,
        every_trained_parameter_moves,
        identity_at_start,
        same_seed_same_delta,
        training_changes_the_logits,
        padding_does_not_matter,
        second_text_matters,
        works_at_the_full_context,
        merge_keeps_logits,
        disabling_gives_the_base,
        delta_roundtrip_keeps_logits,
        loss_falls_in_twenty_steps,
        spec_json_roundtrip,
        rejects_values_out_of_range,
        is_documented,
    )
}
"""Every law by its name."""
OF_ROWS = ("padding_does_not_matter", "second_text_matters", "works_at_the_full_context")
"""Laws that look at the logits of a whole row; where a model writes, tests of its own take their place."""


def replace_body(network: Network, body: torch.nn.Module) -> Network:
    """The same head on another body."""
    return Network(body, network.head, network.pooling, network.anatomy)


def _rows(run: Run) -> Batch:
    return batch_of(run.base, run.head)


def _difference(one: Tensor, two: Tensor) -> float:
    return float((one - two).abs().max())


@torch.no_grad()
def _states(network: Network, batch: Batch) -> Tensor:
    """What comes before an outer head, or the logits of a stock head."""
    network.eval()
    return network(batch) if network.head is None else network.embed(batch)


def _attached(run: Run, *, seed: int) -> dict[str, Tensor]:
    network = fresh(run.base, run.method, run.head)
    adaptation = attach(network, run.method, steps=len(run.losses), seed=seed, head=run.head)
    return {name: value for name, value in adaptation.body.named_parameters() if name in adaptation.trainable}


def _reloaded(run: Run, *, merge: bool) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        write_delta(run.network, run.adaptation, run.base, Path(folder))
        return read_delta(replace(run.base), Path(folder), run.head, merge=merge)


def _beyond(field: FieldInfo) -> list[float]:
    """Values just outside the bounds of an option."""
    wrong: list[float] = []
    for rule in field.metadata:
        if isinstance(rule, annotated_types.Ge):
            wrong.append(rule.ge - 1)  # type: ignore[operator, arg-type]
        elif isinstance(rule, annotated_types.Gt):
            wrong.append(rule.gt)  # type: ignore[arg-type]
        elif isinstance(rule, annotated_types.Le):
            wrong.append(rule.le + 1)  # type: ignore[operator, arg-type]
        elif isinstance(rule, annotated_types.Lt):
            wrong.append(rule.lt)  # type: ignore[arg-type]
    return wrong


def _refused(kind: type, values: dict[str, object]) -> bool:
    try:
        kind.build("law", values)  # type: ignore[attr-defined]
    except SpecError:
        return True
    return False
