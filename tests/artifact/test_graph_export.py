"""Graphs as artifacts: proven, refused where they say something else, and run without torch."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from making import TEXTS, Maker

from leantune.artifact.export import export, format_names
from leantune.artifact.formats import _graph, executorch, openvino, transformers_js
from leantune.artifact.formats._int8 import smallest
from leantune.artifact.likeness import Labelled, Measure
from leantune.artifact.manifest import Manifest, read_manifest
from leantune.artifact.parity import Golden, Proof
from leantune.artifact.predictor import Predictor, load
from leantune.artifact.publish import publish
from leantune.artifact.script.compose import Graph, compose, runs_alone
from leantune.core.errors import ArtifactError, DataError, SpecError
from leantune.models.network import Network
from leantune.models.onnx_model import OnnxBody, to_onnx
from leantune.models.runtime_body import RuntimeBody

WITHOUT = ("torch", "transformers", "peft", "leantune")


@pytest.fixture(scope="module")
def traced(made: Maker) -> tuple[Predictor, bytes, Network]:
    predictor = load(made("bert", "full").folder, device="cpu")
    model = to_onnx(predictor.network, types=True)
    return predictor, model, _graph.around(model, predictor.network)


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch, traced: tuple[Predictor, bytes, Network]) -> None:
    """Let the export take the graph that was traced once."""
    monkeypatch.setattr(_graph, "to_onnx", lambda network, types: traced[1])


def measure(predictor: Predictor, **options: object) -> Measure:
    answers = [(found.label, found.score) for found in predictor.predict(TEXTS)]
    golden = Golden([(text, None) for text in TEXTS], [row.astype(np.float64) for row in predictor.logits(TEXTS)], answers)
    return Measure(predictor, golden, **options)  # type: ignore[arg-type]


def spoilt(network: Network) -> Network:
    """A network that says something else."""
    other = _graph.around(_graph.body_of(network).model, network)
    run = _graph.body_of(other)._run
    _graph.body_of(other)._run = lambda given: -run(given)  # type: ignore[method-assign]
    return other


def test_the_same_is_good_and_the_opposite_is_not(traced: tuple[Predictor, bytes, Network]) -> None:
    predictor, _, graph = traced
    found = measure(predictor).of(graph)
    assert found.good
    assert found.sentence.startswith("12 of 12 made-up rows answered as by the model it was made of")
    assert not measure(predictor).of(spoilt(graph)).good


def labelled(predictor: Predictor, folder: Path) -> Labelled:
    """Rows whose labels are what the model says, so that it scores 1."""
    rows = [text for text in TEXTS[:6] if text]
    lines = [json.dumps({"message": text, "kind": found.label}) for text, found in zip(rows, predictor.predict(rows), strict=True)]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    return Labelled.scored(predictor, str(folder / "rows.jsonl"))


def test_with_labelled_rows_their_score_decides(traced: tuple[Predictor, bytes, Network], tmp_path: Path) -> None:
    predictor, _, graph = traced
    rows = labelled(predictor, tmp_path)
    found = measure(predictor, labelled=rows).of(graph)
    assert found.good
    assert found.sentence.endswith("accuracy 100.0 % on 5 labelled rows, 100.0 % before, 0.0 points")
    assert not measure(predictor, labelled=rows).of(spoilt(graph)).good
    assert measure(predictor, labelled=rows, margin=100).of(spoilt(graph)).good


def test_a_form_that_must_say_the_very_same_must_score_the_same(traced: tuple[Predictor, bytes, Network], tmp_path: Path) -> None:
    predictor, _, graph = traced
    exact = measure(predictor, labelled=labelled(predictor, tmp_path), margin=99)
    assert exact.scored(replace(predictor, network=graph), "it") == "accuracy 100.0 % on 5 labelled rows, 100.0 % before, 0.0 points"
    with pytest.raises(ArtifactError, match=r"it scores otherwise than the model it was made of: accuracy .* % on 5 labelled rows"):
        exact.scored(replace(predictor, network=spoilt(graph)), "it")
    assert measure(predictor).scored(replace(predictor, network=spoilt(graph)), "it") is None


def test_the_graphs_of_transformers_js_are_both_proven(
    traced: tuple[Predictor, bytes, Network], once: None, tmp_path: Path, made: Maker
) -> None:
    predictor, _, graph = traced
    judge = measure(predictor, labelled=labelled(predictor, tmp_path), margin=99)
    form = transformers_js.write(made("bert", "full").folder, judge, tmp_path / "out")
    ((file, whole),) = form.beside.items()
    assert (tmp_path / "out" / file).read_bytes() == traced[1]
    assert judge.beside(whole, file).startswith("onnx/model.onnx: same predictions on 12 rows, largest difference ")
    assert judge.beside(whole, file).endswith("accuracy 100.0 % on 5 labelled rows, 100.0 % before, 0.0 points")
    with pytest.raises(ArtifactError, match=r"onnx/model\.onnx predicts otherwise than the model it was made of"):
        judge.beside(spoilt(graph), file)


class Fixed(RuntimeBody):
    """The program of a runtime that reads padding as if it were text."""

    def __init__(self, graph: OnnxBody) -> None:
        super().__init__(graph.names, graph.config)
        self.graph = graph

    def run(self, given: dict[str, np.ndarray]) -> np.ndarray:
        return self.graph.run(given | {"attention_mask": np.ones_like(given["attention_mask"])})


def test_a_runtime_that_reads_padding_is_refused(traced: tuple[Predictor, bytes, Network]) -> None:
    predictor, _, graph = traced
    body = _graph.body_of(graph)
    _graph.refuse_other(body, body, [(1, 2), (4, 9)], "model.pte")
    _graph.refuse_other(Fixed(body), body, [(1, 9)], "model.pte")
    with pytest.raises(ArtifactError, match=r"model\.pte predicts otherwise than the graph for 4 x 9 tokens.*Use --format onnx"):
        _graph.refuse_other(Fixed(body), body, [(4, 9)], "model.pte")
    with pytest.raises(ArtifactError, match=r"model\.pte predicts otherwise than the model it was made of"):
        measure(predictor).beside(_graph.instead(Fixed(body), graph), "model.pte")


def test_openvino_says_what_the_graph_says(traced: tuple[Predictor, bytes, Network], once: None, tmp_path: Path, made: Maker) -> None:
    pytest.importorskip("openvino")
    predictor = traced[0]
    judge = measure(predictor, labelled=labelled(predictor, tmp_path))
    source = made("bert", "full")
    form = openvino.write(source.folder, judge, tmp_path / "files")
    assert judge.beside(form.beside[openvino.FILE], openvino.FILE).startswith("openvino_model.xml: same predictions on 12 rows")
    assert form.timed is not None
    assert (form.timed.runtime, form.timed.network) == ("OpenVINO", form.beside[openvino.FILE])
    assert replace(predictor, network=form.timed.network).one_row_ms(TEXTS) > 0
    out = publish(tmp_path / "files", tmp_path / "out", predictor.manifest.facts, source.base, look=lambda _: "seen")
    assert read_manifest(out).proof == "seen"
    (out / "openvino_model.bin").rename(out / "other.bin")
    with pytest.raises(ArtifactError, match=r"openvino_model\.bin is missing(.|\n)*other\.bin may run code"):
        read_manifest(out)


def test_what_no_rung_says_well_enough_is_refused(monkeypatch: pytest.MonkeyPatch, traced: tuple[Predictor, bytes, Network]) -> None:
    predictor, model, graph = traced
    small, said = smallest(model, graph, measure(predictor))
    assert said.startswith("int8, per channel")  # of 7-bit weights on CPUs without VNNI
    body = _graph.body_of(small)
    assert body.singly
    given = {name: np.zeros((8, 3), np.int64) for name in body.names}
    given |= {"input_ids": np.arange(5, 29).reshape(8, 3), "attention_mask": np.tile(np.array([[1, 1, 1], [1, 1, 0]]), (4, 1))}
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    alone = body.run(given)
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    np.testing.assert_allclose(body.run(given), alone, atol=1e-6)  # in order, whichever thread reads a row
    monkeypatch.setattr("leantune.artifact.likeness.ERROR", -1.0)
    with pytest.raises(ArtifactError, match=r"In 8 bits it says something else(.|\n)*first and last layer(.|\n)*Use --format onnx"):
        smallest(model, graph, measure(predictor))


@pytest.mark.slow
@pytest.mark.extra
def test_a_program_for_phones_says_what_the_graph_says(
    traced: tuple[Predictor, bytes, Network], once: None, made: Maker, tmp_path: Path
) -> None:
    pytest.importorskip("executorch.exir")
    judge = measure(traced[0], labelled=labelled(traced[0], tmp_path))
    form = executorch.write(made("bert", "full").folder, judge, tmp_path)
    assert judge.beside(form.beside["model.pte"], "model.pte").startswith("model.pte: same predictions on 12 rows")


@pytest.mark.parametrize(("fmt", "package"), [("openvino", "openvino"), ("executorch", "executorch.exir")])
def test_a_missing_package_is_told_with_its_command(
    made: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fmt: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SpecError, match=rf'pip install "leantune\[{fmt}\]"'):
        export(made("bert", "full").folder, fmt, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_broken_export_is_refused_and_nothing_is_left(
    made: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, traced: tuple[Predictor, bytes, Network], once: None
) -> None:
    import onnx

    broken = onnx.load_from_string(traced[1])
    bias = next(value for value in broken.graph.initializer if value.name.endswith("classifier.bias"))
    bias.raw_data = np.array([5.0, 0.0, 0.0], dtype=np.float32).tobytes()
    monkeypatch.setattr(_graph, "to_onnx", lambda network, types: broken.SerializeToString())
    artifact = made("bert", "full").folder
    before = read_manifest(artifact)
    with pytest.raises(ArtifactError, match="predicts otherwise than the trained model"):
        export(artifact, "onnx", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    assert read_manifest(artifact) == before


@pytest.mark.parametrize("fmt", format_names())
@pytest.mark.parametrize(("text", "hint"), [(None, "no such file"), ('{"message": "good", "kind": "perhaps"}', '"perhaps"')])
def test_labelled_rows_count_for_every_form_and_faults_in_them_are_told_first(
    made: Maker, tmp_path: Path, fmt: str, text: str | None, hint: str
) -> None:
    if text is not None:
        (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(DataError, match=hint):
        export(made("bert", "full").folder, fmt, tmp_path / "out", data=str(tmp_path / "rows.jsonl"))
    assert not (tmp_path / "out").exists()


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the fresh processes out, which take seconds."""
    monkeypatch.setattr("leantune.artifact.publish.prove", lambda *_, ways, **__: Proof(ways, 0.0, 24))


def test_score_size_and_speed_are_told(
    traced: tuple[Predictor, bytes, Network], once: None, unproven: None, made: Maker, tmp_path: Path
) -> None:
    data = labelled(traced[0], tmp_path).file
    out = export(made("bert", "full").folder, "onnx", tmp_path / "out", data=data)
    manifest = read_manifest(out)
    now, before = (rf"\d+ kB, [\d.]+ ms a row by {runtime}" for runtime in ("ONNX Runtime", "PyTorch"))
    spent = rf"{now} \(before: {before}; made-up rows one at a time, \d+ threads?\)"
    assert re.match(rf"{spent}; accuracy 100\.0 % on 5 labelled rows, 100\.0 % before, 0\.0 points; reloaded in fresh", str(manifest.proof))
    assert str(manifest.proof) in (out / "README.md").read_text()
    cost = manifest.facts.cost
    assert (cost.latency_ms, cost.model_bytes) == (None, (out / "model.onnx").stat().st_size)
    export(made("bert", "full").folder, "onnx", out)
    assert "labelled" not in str(read_manifest(out).proof)


def test_another_score_is_refused_and_nothing_is_left(
    traced: tuple[Predictor, bytes, Network], unproven: None, made: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = labelled(traced[0], tmp_path)
    monkeypatch.setattr(Labelled, "scored", lambda *_: replace(rows, score=0.2))
    with pytest.raises(ArtifactError, match=r"scores otherwise.* accuracy 100\.0 % on 5 labelled rows, 20\.0 % before, \+80\.0 points"):
        export(made("bert", "full").folder, "merged", tmp_path / "out", data=rows.file)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_margin_out_of_range_is_told(made: Maker, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--margin must lie between 0 and 100"):
        export(made("bert", "full").folder, "onnx-int8", tmp_path, margin=0)


def manifest_of(made: Maker, **changes: object) -> Manifest:
    manifest = read_manifest(made("bert", "full").folder)
    return manifest.model_copy(update={"form": "onnx", "facts": manifest.facts.model_copy(update=changes)})


@pytest.mark.parametrize("pieces", ["text", "words", "options"])
def test_the_script_of_a_graph_knows_neither_torch_nor_leantune(made: Maker, pieces: str) -> None:
    manifest = manifest_of(made, pieces=pieces, task={"text": "classification", "words": "tagging", "options": "choice"}[pieces])
    text = compose(manifest, pad=0, start=None, prompts=False, own_code=None, graph=Graph("model.onnx", "right", singly=True))
    imported = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert not [line for line in imported if any(name in line for name in WITHOUT)]
    assert "onnxruntime, tokenizers and numpy" in text
    assert "torch" not in text
    compile(text, "predict.py", "exec")


def test_rows_that_no_script_reads_are_known(made: Maker) -> None:
    facts = manifest_of(made).facts
    assert runs_alone(facts)
    for changes in ({"pieces": "spans"}, {"asked": "masked"}, {"long": "windows(stride=8, most=4, pool=mean)"}):
        assert not runs_alone(facts.model_copy(update=changes))


def test_what_writes_texts_is_refused_before_anything_is_traced(made: Maker, tmp_path: Path) -> None:
    predictor = load(made("bert", "full").folder, device="cpu")
    writing = replace(predictor, task=type("Writing", (), {"writes": True})())  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match=r"writes texts token by token.*Use --format merged"):
        _graph.plain_network(tmp_path, writing)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "fmt", "paired"),
    [("bert", "onnx", True), ("sentence-bert", "onnx-int8", False), ("bert", "transformers-js", False), ("bert", "openvino", False)],
)
def test_a_graph_predicts_where_there_is_no_torch(made: Maker, tmp_path: Path, family: str, fmt: str, paired: bool) -> None:
    if fmt == "openvino":
        pytest.importorskip("openvino")
    artifact = made(family, "lora", paired)
    data = labelled(load(artifact.folder, device="cpu"), tmp_path).file if not paired else None
    out = export(artifact.folder, fmt, tmp_path / "out", data=data)
    manifest = read_manifest(out)
    assert ("labelled rows, 100.0 % before" in str(manifest.proof)) == (data is not None)
    assert ("ms a row by " in str(manifest.proof)) == (fmt != "transformers-js")
    assert ("ms a row by OpenVINO (before: " in str(manifest.proof)) == (fmt == "openvino")
    assert ("onnx/model.onnx: same predictions on 24 rows" in str(manifest.proof)) == (fmt == "transformers-js")
    assert manifest.form == "onnx"
    assert manifest.loads_in == ["leantune", "predict.py"]
    assert "through leantune and predict.py: same predictions on 24 rows" in str(manifest.proof)
    rows = list(pairwise(TEXTS[:5])) if paired else TEXTS[:4]
    given = [text for row in rows for text in row] if paired else rows
    told = run_without(out, tmp_path, *given)
    expected = [found.label for found in load(out).predict(rows)]
    assert [row["label"] for row in csv.DictReader(io.StringIO(told.stdout))] == expected, told.stderr
    assert run_without(out, tmp_path, "--check").stdout.startswith("24 rows are answered as they were")
    golden = json.loads((out / "golden.json").read_text())
    golden["answers"][0][1] += 0.5
    (out / "golden.json").write_text(json.dumps(golden))
    assert "the first is row 1" in run_without(out, tmp_path, "--check").stderr
    with pytest.raises(ArtifactError, match=r"golden\.json is not the file that was saved"):
        read_manifest(out)


@pytest.mark.slow
def test_a_graph_is_the_end_of_the_way(made: Maker, tmp_path: Path, once: None) -> None:
    out = export(made("bert", "full").folder, "onnx", tmp_path / "out")
    for fmt in ("merged", "onnx-int8"):
        with pytest.raises(ArtifactError, match="a graph, from which nothing leads back"):
            export(out, fmt, tmp_path / "again")
    assert "any ONNX runtime runs it" in (out / "README.md").read_text()


def run_without(folder: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script where the large libraries cannot be imported."""
    broken = tmp_path / "broken"
    broken.mkdir(exist_ok=True)
    for name in WITHOUT:
        (broken / f"{name}.py").write_text(f'raise ImportError("no {name} here")')
    command: list[str] = [sys.executable, str(folder / "predict.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(broken)})
