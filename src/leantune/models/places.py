"""Places: how a method's options name sites and layers.

sites=all        sites=query        sites=[query, value]        layers=[4, 5]        layers=-1
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from leantune.core.errors import nearest

if TYPE_CHECKING:
    from leantune.models.anatomy import Anatomy

NAMES = ("query", "key", "value", "attention_out", "ffn_in", "ffn_out")
"""What a user may write; a fused projection answers for query, key and value."""


def _sites(value: Any) -> Any:
    """A word or a list of words as a tuple of site names; `all` is every linear map of a block."""
    words = (value,) if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not words:
        raise PydanticCustomError("sites", f"write a site, a list of sites or all ({', '.join(NAMES)})")
    if tuple(words) == ("all",):
        return NAMES
    for word in words:
        if word not in NAMES:
            close = nearest(str(word), NAMES)
            hint = f' Closest: "{close}".' if close else ""
            raise PydanticCustomError(
                "sites", 'no site "{word}".{hint} All: {all}, or the word all', {"word": word, "hint": hint, "all": ", ".join(NAMES)}
            )
    return tuple(dict.fromkeys(words))


def _layers(value: Any) -> Any:
    """A number or a list of numbers as a tuple."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Sites = Annotated[tuple[str, ...], BeforeValidator(_sites)]
"""Names of sites, checked while the expression is read."""
Layers = Annotated[tuple[int, ...] | None, BeforeValidator(_layers)]
"""Layer numbers, 0 the lowest, negative ones counted from the top; None for all layers."""


def missing(anatomy: Anatomy, sites: tuple[str, ...], layers: tuple[int, ...] | None = None) -> str | None:
    """Why sites and layers cannot be found in this body, in one line; None when they can."""
    count = len(anatomy.blocks)
    beyond = [number for number in layers or () if not -count <= number < count]
    if beyond:
        return f"{anatomy.architecture} has layers 0 to {count - 1}, so there is no layer {beyond[0]}"
    absent = [name for name in sites if not anatomy.at([name], layers)]
    if absent:
        return (
            f"{anatomy.architecture} has no {' or '.join(absent)} in the chosen layers"
            if layers
            else f"{anatomy.architecture} has no {absent[0]}"
        )
    return None
