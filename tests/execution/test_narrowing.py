"""The last layer works on the tokens alone that are read: the same training, where a head reads few."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from leantune.core.events import Evaluated, Event
from leantune.core.recipe import Recipe
from leantune.core.study import Job
from leantune.core.wording import Wording
from leantune.data.dataset import prepare
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.narrowing import narrowing_in
from leantune.execution.recall import Recalled, recalled
from leantune.execution.unpadding import unpadding_in
from leantune.kinds.method import parse_method
from leantune.models.base import open_base
from leantune.models.trunk import layers_of
from studies_of_trials import changed, labelled_rows, numbered_rows, opened, tagged_rows, trained

MakeJob = Callable[..., Job]
TEXTS = [{"text": f"{row['text']} and what a day it was for all of us"} for row in labelled_rows()]


@pytest.fixture(scope="module")
def context(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Of a family whose head reads the first token."""
    return study(tiny("bert"), tmp_path_factory.mktemp("run"))


def study(model: Path, run: Path, rows: Any = None, task: str | None = None) -> Context:
    found = opened(str(model), run, prepare(rows or labelled_rows(), run / "data", **({"task": task} if task else {})))
    metric = found.task.default_metric(found.dataset.labels)
    return changed(found, metric=metric)


def maps(context: Context, job: Job) -> int:
    found = narrowing_in(context, job, attach(context, job))
    return 0 if found is None else len(found.maps)


def points(events: list[Event]) -> list[tuple[float, float]]:
    return [(event.point.train_loss, event.point.dev_score) for event in events if isinstance(event, Evaluated)]


def assert_same_training(context: Context, job: Job) -> None:
    (whole, before), (found, after) = trained(changed(context, narrow=False), job), trained(context, job)
    for name, value in whole.items():
        assert torch.allclose(value, found[name], atol=1e-5), name
    assert np.allclose(points(before), points(after), atol=1e-4)


@pytest.mark.parametrize(
    ("family", "kept"),
    [
        ("bert", 4),
        ("roberta", 4),
        ("distilbert", 4),
        ("electra", 4),
        ("deberta-v2", 3),
        ("gpt2", 3),
        ("llama", 5),
        ("qwen2", 5),
        ("modernbert", 3),
    ],
)
def test_weights_after_training_are_those_of_the_whole_layer(
    family: str, kept: int, tiny: Callable[[str], Path], tmp_path: Path, job: MakeJob
) -> None:
    context, wanted = study(tiny(family), tmp_path), job("full", steps=12, optimizer="sgd", evaluations=2)
    assert maps(context, wanted) == kept
    assert_same_training(context, wanted)


METHODS = [
    ("lora(rank=2)", 4),
    ("lora(rank=2, sites=all)", 4),
    ("adalora", 4),
    ("vera", 4),
    ("ia3", 4),
    ("bitfit", 4),
    ("norm", 4),
    ("houlsby", 4),
    ("pfeiffer", 4),
    ("houlsby(init=small)", 4),
    ("parallel", 4),
    ("parallel(sites=attention_out)", 2),
    ("prefix(tokens=2)", 4),
    ("prompt(tokens=2)", 4),
    ("p_tuning(tokens=2)", 4),
    ("last_layers(1)", 4),
    ("sparse", 4),
    ("head", 4),
]


@pytest.mark.parametrize(("method", "kept"), METHODS)
def test_methods_inside_of_the_layer_do_not_notice(context: Context, job: MakeJob, method: str, kept: int) -> None:
    wanted = job(method, steps=12, optimizer="sgd")
    assert maps(context, wanted) == kept
    assert_same_training(context, wanted)


@pytest.mark.parametrize("init", ["zero", "small"])
@pytest.mark.parametrize(("sites", "kept"), [("ffn_out", 0), ("attention_out", 2)])
def test_adapters_in_which_tokens_meet_are_noticed_though_they_begin_as_nothing(
    context: Context, job: MakeJob, init: str, sites: str, kept: int
) -> None:
    wanted = job(f"pfeiffer(body=attention, init={init}, sites={sites})", steps=12, optimizer="sgd")
    assert maps(context, wanted) == kept
    assert_same_training(context, wanted)


@pytest.mark.parametrize("family", ["sentence-bert", "albert", "t5", "bart"])
def test_heads_that_read_all_tokens_and_layers_that_are_no_stack_stay_whole(
    family: str, tiny: Callable[[str], Path], tmp_path: Path, job: MakeJob
) -> None:
    assert maps(study(tiny(family), tmp_path), job("full")) == 0


def test_tags_need_every_token(tiny: Callable[[str], Path], tmp_path: Path, job: MakeJob) -> None:
    assert maps(study(tiny("bert"), tmp_path, tagged_rows()), job("full")) == 0


@pytest.mark.parametrize(("family", "task"), [("bert", "masked_lm"), ("roberta", "masked_lm"), ("gpt2", "causal_lm")])
@pytest.mark.parametrize("masking", ["static", "dynamic"])
def test_of_a_vocabulary_the_tokens_that_enter_the_loss_are_read(
    family: str, task: str, masking: str, tiny_lm: Callable[[str], Path], tmp_path: Path, job: MakeJob
) -> None:
    context = study(tiny_lm(family), tmp_path, TEXTS, task)
    wanted = job("full", steps=6, lr=1e-3, optimizer="sgd", masking=masking if context.task.redraws else "static")
    assert maps(context, wanted) == (3 if family == "gpt2" else 4)
    assert_same_training(context, wanted)


@pytest.mark.parametrize("link", ["cloze", "cloze(verbalizer=soft)"])
@pytest.mark.parametrize("method", ["full", "lora(rank=2)", "frozen"])
@pytest.mark.parametrize("family", ["bert", "distilbert", "gpt2"])
def test_behind_a_prompt_the_masks_are_read(family: str, method: str, link: str, tiny_lm: Callable[[str], Path], tmp_path: Path) -> None:
    expression = parse_method(f"{link} | {method}").expression
    wording = Wording(templates=("{text} it was {mask} .",), words={"good": ("great", "nice"), "bad": ("awful",)})
    values = {"lr": 1e-2, "steps": 8, "batch_rows": 8, "evaluations": 1, "optimizer": "sgd"}
    recipe = Recipe(task="classification", method=expression, wording=wording, **values)  # type: ignore[arg-type]
    wanted = Job(name=expression, expression=expression, phase="race", recipe=recipe, seed=1)
    context = study(tiny_lm(family), tmp_path).of(wanted)
    assert maps(context, wanted) == (3 if family == "gpt2" else 4)
    assert_same_training(context, wanted)


def test_together_with_read_back_layers_and_without_padding(context: Context, job: MakeJob) -> None:
    above = job("last_layers(1)", steps=40, optimizer="sgd")
    assert isinstance(recalled(context, above, attach(context, above)), Recalled)
    assert_same_training(context, above)
    unpads, wanted = changed(context, unpad=True), job("full", steps=12, optimizer="sgd")
    assert callable(unpadding_in(unpads, attach(unpads, wanted)))
    assert maps(unpads, wanted) == maps(context, above) == 4
    assert_same_training(unpads, wanted)
    for one, other in zip(trained(changed(context, narrow=False), wanted)[0].values(), trained(unpads, wanted)[0].values(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_nothing_is_narrowed_where_it_is_turned_off(context: Context, job: MakeJob) -> None:
    assert maps(changed(context, narrow=False), job("full")) == 0


def test_the_layer_is_shown_few_tokens_in_steps_and_looks_and_all_where_test_rows_are_read(context: Context, job: MakeJob) -> None:
    wanted = job("full", steps=2)
    attached = attach(context, wanted)
    setup, layers = setup_of(context, wanted, attached), layers_of(attached.network)
    assert layers is not None
    seen: list[tuple[int, ...]] = []
    layers[-1].output.dense.register_forward_hook(lambda part, inputs, found: seen.append(tuple(inputs[0].shape[:2])))  # type: ignore[union-attr]
    setup.objective(np.arange(6))
    assert seen.pop() == (1, 6)
    setup.look()
    assert seen
    assert sum(shape[1] for shape in seen) == len(context.gold["dev"])
    assert {shape[0] for shape in seen} == {1}
    seen.clear()
    context.predict(attached.network, "dev")
    assert sum(rows for rows, _ in seen) == len(context.gold["dev"])


def test_weights_are_the_same_bits_after_the_comparison(context: Context, job: MakeJob) -> None:
    wanted = job("lora(rank=2, sites=all)")
    attached = attach(context, wanted)
    before, random = {name: value.clone() for name, value in attached.network.state_dict().items()}, torch.get_rng_state()
    assert narrowing_in(context, wanted, attached)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in attached.network.state_dict().items())


@pytest.mark.parametrize("error", [RuntimeError("shapes do not fit"), None])
def test_other_logits_and_families_that_break_are_not_narrowed(
    context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    def wrong(batch: Any, *_: Any) -> torch.Tensor:
        if error is not None:
            raise error
        read = torch.zeros_like(batch.input_ids, dtype=torch.bool)
        read[:, 1] = True
        return read

    monkeypatch.setattr("leantune.models.network.tokens_read", wrong)
    assert maps(context, job("full")) == 0


class Meeting(nn.Module):
    """A map beside which tokens meet, which begins as the map alone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.gate = inner, nn.Parameter(torch.zeros(1))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.inner(states)
        return found + self.gate * found.mean(dim=1, keepdim=True)


def test_what_a_method_has_not_done_yet_is_noticed(context: Context, job: MakeJob) -> None:
    wanted = job("full")
    attached = attach(context, wanted)
    layers: Any = layers_of(attached.network)
    layers[-1].output.dense = Meeting(layers[-1].output.dense)
    assert narrowing_in(context, wanted, attached) is None
    assert not layers[-1].output.dense.gate.any()


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2"])
def test_texts_that_end_in_the_token_of_padding_are_read_where_the_family_reads_them(
    family: str, tiny: Callable[[str], Path], tmp_path: Path, job: MakeJob
) -> None:
    rows = labelled_rows()
    end = open_base(str(tiny(family))).tokenizer.pad_token
    rows[37]["text"] += f" {end}{end}"
    context, wanted = study(tiny(family), tmp_path, rows), job("full", steps=12, optimizer="sgd")
    assert maps(context, wanted)
    assert_same_training(context, wanted)


@pytest.mark.parametrize("mean", [0, 20_000])
def test_a_head_that_reads_the_mean_is_noticed_below_a_large_bias(
    mean: int, tiny: Callable[[str], Path], tmp_path: Path, job: MakeJob
) -> None:
    config, folder = AutoConfig.from_pretrained(tiny("modernbert"), classifier_pooling="mean"), tmp_path / "base"
    AutoModel.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny("modernbert")).save_pretrained(folder)
    rows = [{"text": row["text"], "label": row["label"] + mean} for row in numbered_rows()]
    assert maps(study(folder, tmp_path / "run", rows), job("full", task="regression")) == 0


def test_what_is_dropped_by_tokens_keeps_all_of_them(context: Context, job: MakeJob) -> None:
    assert maps(context, job("lora(rank=2, sites=all, dropout=0.3)")) == 0
