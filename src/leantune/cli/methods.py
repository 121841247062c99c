"""`leantune methods`: every method in a table, and what may stand around it; `leantune methods lora`, `leantune methods shrink`: a page."""

from __future__ import annotations

import inspect
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leantune.cli import _options as option
from leantune.cli._pages import cards_of, options_of, show_cards, show_link, show_options

if TYPE_CHECKING:
    from rich.console import Console

    from leantune.kinds.method import Card, Method, Rates


_FOOTERS = {
    "teachers": "It stands before the method that it teaches: {name} | lora; rows without labels come with --unlabelled FILE.",
    "structures": "It stands before the method that is trained on it: {name} | METHOD, with the options that it needs.",
    "compressors": "It stands behind the method whose model it makes smaller: full | {name}.",
}
"""Shelves whose members have pages here too, with the last line of the page."""


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A method, an expression such as lora(rank=4), a teacher, a structure or a compressor."),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="M", help=f"Base model to count on [default: {option.DEFAULT_MODEL}].")] = None,
    as_json: option.Json = False,
) -> None:
    """List the tuning methods and what may stand around them; with a NAME its formula, options, learning rates, paper and cost."""
    from leantune.cli._console import console
    from leantune.core import catalogue
    from leantune.core.errors import SpecError

    if name is None:
        _table(console(), as_json=as_json)
        return
    if "|" in name:
        own = name.split("|")[-1].strip()
        raise SpecError(f'"{name}" is a chain, and a page is of one link: leantune methods {own.partition("(")[0]}.', "E-OPTION")
    shelf = next((shelf for shelf in _FOOTERS if name.partition("(")[0] in catalogue.names(shelf)), None)
    if shelf is None:
        _page(console(), name, model, as_json=as_json)
    else:
        show_link(console(), shelf, name, as_json=as_json, footer=_FOOTERS[shelf])


def _table(console: Console, *, as_json: bool) -> None:
    from rich.table import Table

    from leantune.core import catalogue

    cards = {name: catalogue.load("methods", name).card for name in catalogue.names("methods")}
    if as_json:
        everything = cards | {name: card for shelf in _FOOTERS for name, card in cards_of(shelf).items()}
        typer.echo(json.dumps({name: card.model_dump() for name, card in everything.items()}, indent=2))
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("method", style="cyan", no_wrap=True)
    for heading, least in (("what it is", 12), ("learning rates", 14), ("when to use it", 30), ("paper", 16)):
        table.add_column(heading, min_width=least)
    for name, card in cards.items():
        table.add_row(name, card.title, _rates(card.rates), card.when, card.paper.rpartition(", ")[2] or card.paper)
    console.print(table)
    console.print("\nTeachers, before a method that learns from them: consensus | lora, distill | lora", highlight=False, markup=False)
    show_cards(console, "teachers")
    console.print("\nStructures, before a method that is trained on other layers: layers(3) | full", highlight=False, markup=False)
    show_cards(console, "structures")
    smaller = ", ".join(catalogue.names("compressors"))  # by name alone: their cards stand beside what needs torch
    console.print(f"\nCompressors, behind a method: full | shrink. All: {smaller}", highlight=False, markup=False)
    console.print("\nThe page of one with its options and its cost: leantune methods lora", highlight=False, markup=False)


def _page(console: Console, name: str, model: str | None, *, as_json: bool) -> None:
    from leantune.core import catalogue
    from leantune.core.errors import LeantuneError
    from leantune.kinds.method import TRAINING_OPTIONS, parse_method

    member: type[Method] = catalogue.load("methods", name.partition("(")[0].split(".")[0])
    method = None if name == "peft" else parse_method(name).method
    card = method.card if method else member.card
    rates = card.rates
    try:
        cost, rates = _cost(method, model or option.DEFAULT_MODEL) if method else ("depends on the tuner: leantune methods peft.oft", rates)
    except LeantuneError as error:
        if model is not None:
            raise
        cost = f"not counted: {error.message} Name a base with --model."
    if as_json:
        content = {"name": name, "card": card.model_dump(), "rates": rates.model_dump(), "options": _options(member, method), "cost": cost}
        typer.echo(json.dumps(content, indent=2, default=str))
        return
    console.print(inspect.getdoc(sys.modules[member.__module__]) or "", markup=False, highlight=False)
    _facts(console, card, rates, cost)
    show_options(console, _options(member, method))
    if not card.outside:  # what is computed has no steps
        console.print(f"\nEvery method also takes {', '.join(TRAINING_OPTIONS)}: {name.partition('(')[0]}(lr=1e-3).", markup=False)
    if name == "peft":
        _show_tuners(console)


def _facts(console: Console, card: Card, rates: Rates, cost: str) -> None:
    facts = {
        "When": card.when,
        "Rates": _rates_told(card, rates),
        "Merges": _merges_told(card, rates),
        "Context": "virtual tokens take positions before the text" if card.prepends else "",
        "Cost": cost,
        "Paper": card.paper,
    }
    console.print()
    for word, fact in facts.items():
        if fact:
            console.print(f"{word:<12}{fact}", markup=False, highlight=False)


def _rates_told(card: Card, rates: Rates) -> str:
    if card.outside:
        return "none: the head is computed in one go"
    if rates.low == rates.high:
        return f"{_short(rates.start)}, never raced: it is for what a prompt trains (a soft verbalizer), if it trains anything"
    return f"{_rates(rates)}, start {_short(rates.start)} (AdamW); head at {_head(card)}"


def _merges_told(card: Card, rates: Rates) -> str:
    if card.outside or rates.low == rates.high:
        return "nothing of the base is changed"
    return "into the weights without a trace" if card.mergeable else "not: it stays in the model as extra computation"


def _show_tuners(console: Console) -> None:
    from leantune.methods._tuners import REFUSED
    from leantune.models.surgery import tuner_names

    console.print("\nTuners: " + ", ".join(name for name in tuner_names() if name not in REFUSED), markup=False, highlight=False)
    for name, reason in REFUSED.items():
        console.print(f"  not {name}: {reason}", markup=False, highlight=False, style="dim")


def _options(member: type[Method], method: Method | None) -> list[dict[str, Any]]:
    """Options with their defaults; those of a `peft` tuner come from its own configuration."""
    own = getattr(method, "tuner_options", None)
    if own is not None:
        return [{"name": name, "default": default, "meaning": meaning} for name, default, meaning in own()]
    own_fields = member.__module__ != "leantune.methods.peft"
    return [option for option in options_of(member) if own_fields or option["name"] == "options"]


def _cost(method: Method, model: str) -> tuple[str, Rates]:
    """Trained parameters on a base, or why it cannot work there; and the rates of its race there."""
    from leantune.core.human import count
    from leantune.models.base import open_base
    from leantune.models.build import anatomy_of
    from leantune.models.heads import HeadSpec

    anatomy = anatomy_of(open_base(model), HeadSpec("sequence", ["a", "b"], 2), prepends=method.card.parts_head)
    reason = method.unsupported(anatomy)
    if reason:
        return f"cannot work on {model}: {reason}", method.card.rates
    trained = method.cost(anatomy)
    share = 100 * trained / anatomy.body_params
    if method.card.outside:
        return "the head alone, computed from states that the body gives once; no training by gradient", method.card.rates
    said = f"{trained:,} trained parameters without the head on {model} ({share:.2g} % of its {count(anatomy.body_params)})"
    return said, method.rates(anatomy)


def _rates(rates: Rates) -> str:
    return f"{_short(rates.low)} to {_short(rates.high)}"


def _head(card: Card) -> str:
    factor = "the same rate" if card.head_factor == 1 else f"{card.head_factor:g} times that"
    return f"{factor}, at least {_short(card.head_floor)}"


def _short(rate: float) -> str:
    """A learning rate as people write it: 5e-4."""
    mantissa, _, exponent = f"{rate:.3e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"
