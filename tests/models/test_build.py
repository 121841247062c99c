"""Networks as they are built: what a recipe's dropout reaches."""

from collections.abc import Callable
from pathlib import Path

from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.models.heads import HeadSpec


def test_dropout_is_of_numbers_and_never_of_whole_layers(tiny: Callable[[str], Path]) -> None:
    config = build_network(open_base(str(tiny("bart"))), HeadSpec("text", ["text"], 0), seed=1, dropout=0.3).body.config.to_dict()
    assert (config["dropout"], config["attention_dropout"]) == (0.3, 0.3)
    assert (config["encoder_layerdrop"], config["decoder_layerdrop"]) == (0.0, 0.0)
