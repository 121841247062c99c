"""Merging whole models: differences to the base that they name, held against the papers' formulas in numpy and plain weight files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from making import Maker, make_one
from numpy.typing import NDArray
from safetensors.numpy import load_file
from transformers import AutoModelForSequenceClassification

import leantune as lt
from leantune.artifact.integrity import sha256
from leantune.artifact.manifest import read_manifest, write_manifest
from leantune.artifact.parity import Proof
from leantune.artifact.publish import publish
from leantune.core.errors import ArtifactError
from leantune.models.delta import write_whole
from leantune.models.four_bit import to_nf4
from leantune.testing.tiny import make

Numbers = NDArray[np.float64]
ROWS = ["good card", "bad money lost", "never"]


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fresh processes, which a test of the command has."""
    monkeypatch.setattr("leantune.artifact.publish.prove", lambda folder, facts, golden, *, ways: Proof(list(ways), 0.0, len(golden.rows)))


def task_arithmetic(base: Numbers, tuned: Sequence[Numbers], weights: Sequence[float]) -> Numbers:
    """theta = theta_0 + sum_t lambda_t tau_t with tau_t = theta_t - theta_0 (Ilharco et al. 2023, section 2)."""
    return base + sum((weight * (one - base) for weight, one in zip(weights, tuned, strict=True)), np.zeros_like(base))


def ties(base: Numbers, tuned: Sequence[Numbers], weights: Sequence[float], density: float) -> Numbers:
    """Algorithm 1 of Yadav et al. 2023 on one tensor: trim, elect the sign of the larger total movement, mean over who agrees."""
    trimmed = []
    for one in tuned:
        difference = (one - base).ravel()
        kept = np.zeros_like(difference)
        largest = np.argsort(-np.abs(difference))[: int(density * difference.size)]
        kept[largest] = difference[largest]
        trimmed.append(kept)
    elected = np.sign(np.sum(trimmed, axis=0))
    agreeing = [np.sign(one) == elected for one in trimmed]
    total = sum(weight * one * agrees for weight, one, agrees in zip(weights, trimmed, agreeing, strict=True))
    return base + (total / np.maximum(1, np.sum([agrees & (elected != 0) for agrees in agreeing], axis=0))).reshape(base.shape)


def weights_of(folder: Path) -> dict[str, Numbers]:
    """All tensors of a plain folder, by file and name."""
    files = sorted(folder.rglob("*.safetensors"))
    return {
        f"{file.parent.name == '2_Dense'}/{name}": value.astype(np.float64) for file in files for name, value in load_file(file).items()
    }


def original(base: dict[str, Numbers], name: str) -> Numbers | None:
    """A tensor in the file of a bare base, whose names lack the prefix that a class with a head has; None for heads."""
    return base.get(name, base.get(f"False/{name.partition('/')[2].partition('.')[2]}"))


def hashes(folders: Sequence[Path]) -> dict[str, str]:
    return {str(file): sha256(file) for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()}


RULES: dict[str, Callable[[Numbers, Sequence[Numbers]], Numbers]] = {
    "arithmetic": lambda base, tuned: task_arithmetic(base, tuned, [0.75, 0.5]),
    "ties": lambda base, tuned: ties(base, tuned, [0.75, 0.5], 0.3),
}


@pytest.mark.parametrize("how", list(RULES))
@pytest.mark.parametrize("family", ["bert", "sentence-bert", "gpt2"])
def test_whole_models_are_merged_as_the_papers_say_and_heads_are_averaged(
    made: Maker, tiny: Callable[[str], Path], unproven: None, tmp_path: Path, family: str, how: str
) -> None:
    folders = [made(family, "full").folder, made(family, "full", False, 4).folder]
    before = hashes([*folders, tiny(family)])
    found = lt.merge(folders, tmp_path / "out", how=how, weights=[0.75, 0.5], density=0.3)
    base, merged, tuned = weights_of(tiny(family)), weights_of(found.folder), [weights_of(folder) for folder in folders]
    heads = []
    for name, value in merged.items():
        own = [one[name] for one in tuned]
        began = original(base, name)
        expected = 0.6 * own[0] + 0.4 * own[1] if began is None else RULES[how](began, own)
        heads += [name] if began is None else []
        np.testing.assert_allclose(value, expected, atol=1e-6, err_msg=name)
    assert heads, "the head is new for the task"
    assert len(heads) < len(merged)
    assert hashes([*folders, tiny(family)]) == before


def test_dare_keeps_or_drops_each_difference_and_scales_it_up(
    made: Maker, tiny: Callable[[str], Path], unproven: None, tmp_path: Path
) -> None:
    """With density p each number is theta_0 + sum_t m_t lambda_t tau_t / p with m_t of 0 or 1, as often 1 as p says (Yu et al. 2023)."""
    folders = [made("bert", "full").folder, made("bert", "full", False, 4).folder]
    found = [lt.merge(folders, tmp_path / name, how="dare", density=0.8, seed=3).folder for name in ("one", "two")]
    base, merged, tuned = weights_of(tiny("bert")), weights_of(found[0]), [weights_of(folder) for folder in folders]
    kept = []
    for name, value in merged.items():
        if (began := original(base, name)) is not None:
            first, second = (0.5 * (one[name] - began) / 0.8 for one in tuned)
            gaps = np.abs(value - began - np.stack([0 * first, first, second, first + second]))
            assert gaps.min(axis=0).max() < 1e-5, name
            kept.append(np.isin(gaps.argmin(axis=0), [1, 3]).ravel())
    assert np.concatenate(kept).mean() == pytest.approx(0.8, abs=0.02)
    assert sha256(found[0] / "model.safetensors") == sha256(found[1] / "model.safetensors"), "the seed decides"


@pytest.mark.parametrize("how", ["arithmetic", "ties", "dare"])
def test_adapters_and_whole_models_of_one_base_mix(made: Maker, unproven: None, tmp_path: Path, how: str) -> None:
    """What an adapter says when it is folded in is what its whole form says."""
    adapters = [made("bert", "lora").folder, made("bert", "bitfit").folder]
    wholes = [made("bert", "lora | merge").folder, made("bert", "full", False, 4).folder]
    assert [read_manifest(folder).form for folder in (*adapters, *wholes)] == ["adapter", "adapter", "whole", "whole"]
    before = hashes([*adapters, *wholes])
    mixed = lt.merge([adapters[0], adapters[1], wholes[1]], tmp_path / "mixed", how=how).folder
    folded = lt.merge([wholes[0], adapters[1], wholes[1]], tmp_path / "folded", how=how).folder
    np.testing.assert_allclose(lt.load(mixed).logits(ROWS), lt.load(folded).logits(ROWS), atol=1e-4)
    assert read_manifest(mixed).form == "whole"
    assert read_manifest(mixed).base == read_manifest(adapters[0]).base
    assert hashes([*adapters, *wholes]) == before


def test_a_merge_is_merged_again(made: Maker, unproven: None, tmp_path: Path) -> None:
    """Arithmetic with the weights 1 adds what each has learned, in whatever order."""
    one, two, three = (made("bert", "full", False, draw).folder for draw in (3, 4, 5))
    first = lt.merge([one, two], tmp_path / "first", how="arithmetic", weights=[1, 1]).folder
    steps = lt.merge([first, three], tmp_path / "steps", how="arithmetic", weights=[1, 1]).folder
    once = lt.merge([one, two, three], tmp_path / "once", how="arithmetic", weights=[1, 1, 1]).folder
    found, expected = weights_of(steps), weights_of(once)
    for name in expected:
        if not name.startswith("False/classifier"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5, err_msg=name)


@pytest.fixture
def own_base(tmp_path: Path) -> tuple[Path, list[Path]]:
    """A base of which one may do away, and two whole models of it."""
    base = make("bert", tmp_path / "base", seed=7)
    return base, [make_one(base, "full", tmp_path / f"draw-{draw}", draw=draw).folder for draw in (3, 4)]


def refusal(folders: Sequence[Path], out: Path, how: str = "ties") -> str:
    with pytest.raises(ArtifactError) as caught:
        lt.merge(folders, out, how=how)
    assert not out.exists()
    return caught.value.message


def test_a_base_that_is_gone_or_another_one_is_told_and_a_soup_needs_none(
    own_base: tuple[Path, list[Path]], unproven: None, tmp_path: Path
) -> None:
    base, folders = own_base
    shutil.rmtree(base)
    said = refusal(folders, tmp_path / "out")
    assert f"{folders[0]}: its base model was not found" in said
    assert str(base) in said
    assert "ties needs it; --how soup does not" in said
    make("bert", base, seed=8)
    assert "has other weights than the base model of the training" in refusal(folders, tmp_path / "out", "arithmetic")
    assert len(lt.load(lt.merge(folders, tmp_path / "soup").folder).predict(ROWS)) == len(ROWS)


def test_a_base_of_another_shape_is_told_where_no_hash_was_kept(
    own_base: tuple[Path, list[Path]], wide: Callable[[str], Path], tmp_path: Path
) -> None:
    base, folders = own_base
    for folder in folders:
        kept = read_manifest(folder)
        write_manifest(folder, kept.model_copy(update={"base": kept.base.model_copy(update={"weights_digest": None})}))
    shutil.rmtree(base)
    shutil.copytree(wide("bert"), base)
    said = refusal(folders, tmp_path / "out")
    assert f"{folders[0]}: bert.embeddings.LayerNorm.bias is 32, and 64 in its base {base}" in said
    assert "ties could merge. Use --how soup" in said


def test_artifacts_that_name_one_base_with_other_weights_are_refused(own_base: tuple[Path, list[Path]], tmp_path: Path) -> None:
    base, folders = own_base
    make("bert", base, seed=8)
    later = make_one(base, "full", tmp_path / "later").folder
    for how in ("soup", "ties"):
        assert f"{later} does not fit to {folders[0]}: its base {base} had other weights" in refusal(
            [folders[0], later], tmp_path / "out", how
        )


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("full | prune(weights, keep=0.9)", "prune(weights, keep=0.9) changed its structure after the training"),
        ("full | merge | elastic", "elastic changed its structure after the training"),
        ("reinit(last=1) | full", "reinit(last=1) changed the layers of its base before the training"),
    ],
)
def test_what_did_not_begin_as_the_base_or_was_cut_afterwards_has_no_differences(
    made: Maker, tmp_path: Path, method: str, said: str
) -> None:
    """The weights of these have the same names and shapes, and would be merged with what they have nothing to do with."""
    changed = made("bert", method).folder
    told = refusal([made("bert", "full").folder, changed], tmp_path / "out")
    assert f"{changed}: {said}" in told
    assert "Use --how soup" in told


def test_a_model_with_fewer_layers_than_its_base_does_not_fit_the_others(made: Maker, tmp_path: Path) -> None:
    short = tmp_path / "short"
    shutil.copytree(made("bert", "full").folder, short)
    _with_one_layer(short)
    said = refusal([made("bert", "full", False, 4).folder, short], tmp_path / "out")
    assert f"{short} does not fit" in said
    assert "its weights have other shapes, though its base is the same" in said


def _with_one_layer(folder: Path) -> None:
    """As a compressor leaves it."""
    kept, plain = read_manifest(folder), AutoModelForSequenceClassification.from_pretrained(folder)
    plain.bert.encoder.layer = plain.bert.encoder.layer[:1]
    plain.config.num_hidden_layers = 1
    plain.save_pretrained(folder)
    write_manifest(folder, kept)


def test_weights_in_4_bits_are_refused_under_every_rule(wide: Callable[[str], Path], tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    source = wide("bert")
    plain = make_one(source, "full", tmp_path / "plain")
    folder, network = tmp_path / "packed", to_nf4(lt.load(plain.folder, device="cpu").network)
    write_whole(network, plain.base, tmp_path / "delta")
    publish(tmp_path / "delta", folder, read_manifest(plain.folder).facts, plain.base)
    for how in ("soup", "ties"):
        assert f"{folder}: its weights are kept in 4 bits" in refusal([folder, plain.folder], tmp_path / "out", how)
