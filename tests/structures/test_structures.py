"""Structures say which layer stands where; what does not exist is told with what does."""

from __future__ import annotations

import pytest

from leantune.core.errors import SpecError
from leantune.core.layers import Layer, Stacks
from leantune.kinds.method import parse_method

SIX: Stacks = (tuple(map(Layer, range(6))),)
BOTH: Stacks = (tuple(map(Layer, range(3))), tuple(map(Layer, range(3, 6))))


def arranged(links: str, stacks: Stacks = SIX) -> list[list[str]]:
    for _, structure in parse_method(f"{links} | full").structures:
        stacks = structure.arranged(stacks)
    return [[f"{layer.source}{'*' * layer.fresh}" for layer in stack] for stack in stacks]


@pytest.mark.parametrize(
    ("links", "found"),
    [
        ("layers(3)", "0 2 5"),
        ("layers(6)", "0 1 2 3 4 5"),
        ("layers(1)", "0"),
        ("drop(1, -1)", "0 2 3 4"),
        ("drop(layers=[0])", "1 2 3 4 5"),
        ("repeat(2, 5)", "0 1 2 2 3 4 5 5"),
        ("add(2)", "0 1 2 3 4 5 5* 5*"),
        ("replace(5, by=2)", "0 1 2 3 4 2"),
        ("reinit(last=2)", "0 1 2 3 4* 5*"),
        ("reinit(layers=[0, -1])", "0* 1 2 3 4 5*"),
        ("layers(3) | reinit(last=1)", "0 2 5*"),
        ("repeat(0) | reinit(layers=[0]) | drop(-1)", "0* 0 1 2 3 4"),
    ],
)
def test_what_stands_where(links: str, found: str) -> None:
    assert arranged(links) == [found.split()]


def test_evenly_taken_layers_are_those_of_distilbert() -> None:
    twelve = (tuple(map(Layer, range(12))),)
    assert arranged("layers(6)", twelve) == [["0", "2", "4", "7", "9", "11"]]


def test_both_sides_of_an_encoder_decoder() -> None:
    assert arranged("layers(2)", BOTH) == [["0", "2"], ["3", "5"]]
    assert arranged("layers(3, decoder=1)", BOTH) == [["0", "1", "2"], ["3"]]
    assert arranged("drop(3) | add", BOTH) == [["0", "1", "2"], ["4", "5", "5*"]]


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ("drop(6)", "layer 6 does not exist. There are layers 0 to 5"),
        ("drop(0) | drop(5)", "layer 5 does not exist. There are layers 0 to 4"),
        ("repeat(-7)", "layer -7 does not exist"),
        ("reinit(last=7)", "layer -7 does not exist"),
        ("replace(0, by=9)", "layer 9 does not exist"),
        ("layers(7)", "7 layers cannot be taken of 6"),
        ("layers(3, decoder=1)", "for encoder-decoders"),
        ("drop(0, 1, 2, 3, 4, 5)", "at least one layer"),
        ("reinit", "say which: last=2, or layers="),
        ("drop", "layers"),
        ("layers(0)", "count"),
    ],
)
def test_faults_are_told(links: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        arranged(links)
    assert said in caught.value.message


def test_a_layer_does_not_change_sides() -> None:
    with pytest.raises(SpecError, match="different sides"):
        arranged("replace(0, by=4)", BOTH)


@pytest.mark.parametrize("text", ["full | layers(3)", "layers(3) | cloze | full", "lora | drop(1) | merge"])
def test_a_structure_stands_between_prompt_and_method(text: str) -> None:
    with pytest.raises(SpecError, match=r"teacher \| prompt \| structures \| method"):
        parse_method(text)


def test_a_structure_alone_is_no_method() -> None:
    with pytest.raises(SpecError, match=r"is a structure. Say what is trained: layers\(3\) \| lora, or layers\(3\) \| full"):
        parse_method("layers(3)")
