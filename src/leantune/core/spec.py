"""The base of everything that is pure data: frozen, nothing unknown accepted, JSON in and out."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from leantune.core.errors import LeantuneError, SpecError, nearest


class Spec(BaseModel):
    """A frozen declaration; CLI flags, JSON, validation and digests derive from its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @classmethod
    def build(cls, place: str, values: dict[str, object]) -> Self:
        """Validate `values`; every fault is told at once in our own voice, `place` first.

        Raises:
            SpecError: E-OPTION or E-RANGE, with the nearest valid option.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise explain(place, error, list(cls.model_fields)) from None


def explain(place: str, error: ValidationError, options: list[str]) -> LeantuneError:
    """One readable error out of pydantic's list of faults."""
    sentences, code = [], "E-RANGE"
    for fault in error.errors():
        path = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            code = "E-OPTION"
            close = nearest(path, options)
            hint = f' Closest: "{close}".' if close else ""
            sentences.append(f'no option "{path}".{hint} All: {", ".join(options) or "none"}.')
        elif fault["type"] == "missing":
            code = "E-OPTION"
            sentences.append(f'the option "{path}" is needed.')
        else:
            rule = fault["msg"][0].lower() + fault["msg"][1:]
            sentences.append(f"{path}: {rule}. Got {fault['input']!r}." if path else f"{rule}.")
    return SpecError(f"{place}: " + " ".join(sentences), code)
