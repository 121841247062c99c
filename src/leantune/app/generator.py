"""Who writes templates: the encoder-decoder that the user named, checked before anything runs."""

from __future__ import annotations

from leantune.core.errors import SpecError
from leantune.core.recipe import Generator
from leantune.models.base import open_base
from leantune.models.span_beam import require_spans


def open_generator(name: str) -> Generator:
    """The identity of a generator.

    Raises:
        SpecError: E-MODEL where it cannot be loaded, or fills no gaps.
    """
    try:
        base = open_base(name)
    except SpecError as error:
        raise SpecError(f"--generator: {error.message}", error.code) from error
    require_spans(base)
    return Generator(model=name, weights=base.weights_digest, revision=base.location.revision)
