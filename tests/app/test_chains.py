"""Chains in the main job: the trained part is trained once, every link is measured, the smaller model is handed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoModel

import leantune as lt
from leantune.core.errors import SpecError
from leantune.core.records import TrialRecord

FULL = "full(lr=0.01)"
ELASTIC = f"{FULL} | elastic(layers=1, neurons=0.5, steps=4)"
SHORT, NARROW = f"{FULL} | shrink(layers=1, steps=8)", "lora(rank=2, lr=0.02) | merge | prune(neurons, keep=0.5, steps=4)"


@pytest.fixture(scope="module")
def finished(tickets: Path, base: str, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    run = tmp_path_factory.mktemp("run")
    study = lt.study(str(tickets), model=base, out=run, budget="30steps", seeds=1, keep_all=True, quiet=True, prefer="speed")
    return lt.compare(study, [FULL, SHORT, NARROW, ELASTIC, "prefix(lr=0.01) | shrink(layers=1)"])


def record(finished: lt.Result, name: str) -> TrialRecord:
    return next(trial for trial in finished.comparison.trials if trial.name == name and trial.phase == "final")


def test_every_link_is_measured(finished: lt.Result) -> None:
    full, short = record(finished, FULL), record(finished, SHORT)
    assert short.status == "ok", short.reason
    trained, smaller = short.stages
    assert (trained.link, smaller.link) == (FULL.replace("(lr=0.01)", ""), "shrink(layers=1, steps=8)")
    assert trained.scores == full.scores
    assert trained.model_params == full.cost.model_params
    assert smaller.scores.test == short.scores.test
    assert smaller.model_params is not None
    assert trained.model_params is not None
    assert smaller.model_params < trained.model_params
    assert short.cost.model_params == smaller.model_params
    assert (short.cost.saved_bytes or 0) < (full.cost.saved_bytes or 0)
    assert (short.cost.train_seconds or 0) > (full.cost.train_seconds or 0)
    assert [point.model_params for point in smaller.curve] == [trained.model_params, smaller.model_params]


def test_the_trained_part_is_trained_once(finished: lt.Result) -> None:
    folders = [path for path in (finished.run / "trials").iterdir() if (path / "record.json").is_file()]
    names = [TrialRecord.model_validate_json((folder / "record.json").read_bytes()).name for folder in folders]
    assert names.count(FULL) + names.count("full") == 1


def test_an_adapter_is_folded_in_and_the_whole_is_stored(finished: lt.Result) -> None:
    narrow = record(finished, NARROW)
    assert [stage.link for stage in narrow.stages] == ["lora(rank=2)", "merge", "prune(neurons, keep=0.5, steps=4)"]
    lora, merged, _half = narrow.stages
    assert merged.scores == lora.scores
    delta = finished.run / "trials" / narrow.digest / "delta"
    assert (delta / "config.json").is_file()
    assert not (delta / "adapter_config.json").exists()
    plain = AutoModel.from_pretrained(delta, dtype="float32")
    assert plain.config.intermediate_size == 32


def test_a_size_of_an_elastic_training_loads_in_plain_transformers(finished: lt.Result) -> None:
    elastic = record(finished, ELASTIC)
    assert elastic.status == "ok", elastic.reason
    found = elastic.stages[-1]
    assert len(found.curve) == 1 + 2 * 4  # as trained; two depths, four widths
    plain = AutoModel.from_pretrained(finished.run / "trials" / elastic.digest / "delta", dtype="float32")
    assert plain.config.num_hidden_layers == 1
    assert plain.config.intermediate_size in (16, 32)  # whichever is better on dev


def test_what_cannot_be_folded_in_is_left_out_with_the_reason(finished: lt.Result) -> None:
    assert "folded" in finished.comparison.unsupported["prefix(lr=0.01) | shrink(layers=1)"]


def test_the_report_draws_chain_and_curve(finished: lt.Result) -> None:
    page = (finished.run / "report.html").read_text(encoding="utf-8")
    assert "What is left of the model?" in page
    assert page.count("what is left of the parameters (<code>") == 3
    assert page.count('class="parts"') == 1
    assert "prune(neurons, keep=0.5, steps=4)" in page


def test_the_smaller_model_predicts(finished: lt.Result, tmp_path: Path) -> None:
    assert finished.comparison.choice.artifact is not None
    found = lt.load(finished.choice.save(tmp_path / "out")).predict(["this movie was great", "this movie was awful"])
    assert [one.label for one in found] == ["good", "bad"]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("shrink(layers=1)", "is a compressor. Say what is trained: full | shrink"),
        ("shrink(layers=1) | full", "in the order teacher"),
        ("full | shrnk", 'Closest: "shrink"'),
        ("full | shrink(layers=0)", "greater than or equal to 1"),
        ("full | lora", "in the order teacher"),
    ],
)
def test_chains_in_the_wrong_order_are_refused(tickets: Path, base: str, tmp_path: Path, method: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        lt.compare(lt.study(str(tickets), model=base, out=tmp_path, quiet=True), [FULL, method])
    assert said in caught.value.message, caught.value.message


def test_more_layers_than_there_are_is_told_before_training(tickets: Path, base: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        lt.train(lt.study(str(tickets), model=base, out=tmp_path, quiet=True), "full | shrink(layers=7)")
    assert "leaves nothing to take out" in caught.value.message
