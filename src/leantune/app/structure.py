"""`--structure "drop(6,7) reinit(last=2)"`: the same structure in every method of a command.

    on_structure(["full", "cloze | lora"], "layers(3)")  ->  ["full", "layers(3) | full", "cloze | layers(3) | lora"]

Full fine-tuning of the base as it is stays beside them where it is named: it is the reference.
"""

from __future__ import annotations

from collections.abc import Sequence

from leantune.app.candidate import is_reference
from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.expressions import parse_call, parse_chain
from leantune.kinds.method import parse_method


def structure_links(text: str) -> list[str]:
    """The links of a structure, which blanks or "|" part.

    Raises:
        SpecError: E-OPTION where one is no structure.
    """
    links = [str(parse_call(part)) for part in _parted(text)]
    known = catalogue.names("structures")
    strange = [link for link in links if parse_call(link).name not in known]
    if strange or not links:
        what = f'"{strange[0]}" is no structure' if strange else "is empty"
        raise SpecError(f'--structure: {what}. All: {", ".join(known)}; for example --structure "drop(6,7) reinit(last=2)".', "E-OPTION")
    return links


def on_structure(methods: Sequence[str], structure: str | None, *, reference: bool = True) -> list[str]:
    """Every method with the structure before it.

    Args:
        methods: expressions.
        structure: its links; None leaves the methods as they are.
        reference: whether plain full fine-tuning stays beside them.

    Raises:
        SpecError: E-OPTION for a method that has a structure of its own, and what is wrong with any of the expressions.
    """
    if structure is None:
        return list(methods)
    links, found = structure_links(structure), list[str]()
    for method in methods:
        parsed, chain = parse_method(method), [str(link) for link in parse_chain(method)]
        if parsed.structures:
            raise SpecError(f"{method} has a structure of its own. Leave --structure out, or {parsed.structures[0][0]} there.", "E-OPTION")
        place = len(chain) - 1 - len(parsed.compressors)
        found += [method] if reference and is_reference(parsed) else []
        found.append(" | ".join([*chain[:place], *links, *chain[place:]]))
    return found


def _parted(text: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and letter in " |":
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]
