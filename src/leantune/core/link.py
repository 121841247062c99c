"""Link: one member of an expression, its options as fields, read from a call such as `lora(rank=4)`."""

from __future__ import annotations

from typing import Any, Self

from leantune.core.errors import SpecError
from leantune.core.expressions import Call
from leantune.core.spec import Spec


class LinkCard(Spec):
    """The facts of a prompt or a teacher that people read."""

    title: str
    paper: str
    """Authors, year, arXiv number."""
    when: str
    """One line: when to use it."""


class Link(Spec):
    """Base of methods, prompts and ways to read long texts."""

    @classmethod
    def from_call(cls, call: Call) -> Self:
        """The member that a link names; positional values fill the fields in their order."""
        fields = list(cls.model_fields)
        if "." in call.name:
            raise SpecError(f'No method "{call.name}": only peft takes a name behind a dot, such as peft.oft.', "E-NAME")
        if len(call.args) > len(fields):
            raise SpecError(f"{call.name}: takes at most {len(fields)} values ({', '.join(fields) or 'none'}).", "E-OPTION")
        values: dict[str, Any] = dict(zip(fields, call.args, strict=False))
        for key, value in call.kwargs.items():
            if key in values:
                raise SpecError(f'{call.name}: "{key}" is given twice.', "E-OPTION")
            values[key] = value
        for key, value in values.items():
            if isinstance(value, bool) and key in fields and cls.model_fields[key].annotation is not bool:
                raise SpecError(f"{call.name}: {key} is not a switch. Got {str(value).lower()}.", "E-RANGE")
        return cls.build(call.name, values)
