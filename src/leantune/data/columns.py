"""Which column is the text, its pair and the label: by name, otherwise by content; each guess is an `Inference`, doubt an error.

columns, inferences = infer_columns(table, "tickets.csv", Wanted(label="intent"))
print(inferences[0])      # text column: "message" (named so; override with --text COL)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leantune.core.errors import DataError, Problems, nearest, some
from leantune.core.spec import Spec
from leantune.data import focus
from leantune.data.chat import REPLY
from leantune.data.composed import lacking, sources
from leantune.data.extracted import answer_columns
from leantune.data.facts import Facts, is_prose, look
from leantune.data.intake import Inference
from leantune.data.names import LABELS, PAIRS, RIGHT, SOURCES, TAGS, TEXTS, WORDS, language, plain
from leantune.data.options import option_columns
from leantune.data.table import Table

LONGEST_LABEL = 60
"""Mean characters of a column that can be a label by its content."""


class Columns(Spec):
    """Names of the columns that are read."""

    text: str
    text_pair: str | None = None
    label: str | None = None

    @property
    def read(self) -> list[str]:
        """The columns in use: text, pair where there is one, label where there is one."""
        return [name for name in (self.text, self.text_pair, self.label) if name is not None]


@dataclass(frozen=True)
class Wanted:
    """Columns that the user named; None: to be inferred. `label_needed` is False for rows to predict."""

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    label_needed: bool = True
    focus: tuple[str, ...] = ()
    """Names of a second column that says which words a row is about."""
    focus_needed: bool = False
    """Whether there must be one."""


def infer_columns(table: Table, place: str, wanted: Wanted) -> tuple[Columns, list[Inference]]:
    """Text, pair and label columns of a table, and one inference for each that was not named.

    Raises:
        DataError: E-COLUMN when a named column is missing or doubled, or when nothing or too much could be meant.
    """
    _check_named(table.columns, place, wanted)
    facts = look(table)
    notes: list[Inference] = []
    label = wanted.label
    if wanted.text is None and wanted.text_pair is None and (chosen := _options(table, facts, place, wanted, notes)):
        return chosen, notes[::-1]
    if label is None and wanted.text is None and (tagged := _tagged(table)):
        found, told = _two_columns(*tagged, "lists of words and tags, named so")
        about = _focus(table, place, wanted, notes)
        return found.model_copy(update={"text_pair": about}), [*told, *notes]
    if wanted.label_needed and not any((label, wanted.text, wanted.text_pair)) and (asked := answer_columns(table)):
        why, override = "named so; most answers stand in their text", "--text COL --text-pair COL --label COL"
        note = Inference(what="question, text and answer", value=", ".join(f'"{name}"' for name in asked), why=why, override=override)
        return Columns(text=asked[0], text_pair=asked[1], label=asked[2]), [note]
    if wanted.label_needed and (written := _source_and_target(facts, wanted)):
        return _two_columns(*written, "a text and the text to write, named so")
    if label is None and wanted.label_needed:
        label = _label(facts, place, wanted, notes)
    text, pair = _texts(facts, place, wanted, label, notes)
    if wanted.focus_needed:
        pair = _focus(table, place, wanted, notes)
    return Columns(text=text, text_pair=pair, label=label), notes[::-1]


def _two_columns(text: str, label: str, why: str) -> tuple[Columns, list[Inference]]:
    note = Inference(what="text and label columns", value=f'"{text}" with "{label}"', why=why, override="--text COL --label COL")
    return Columns(text=text, label=label), [note]


def require_columns(table: Table, place: str, columns: Columns, *, nests: Mapping[str, Sequence[str]] | None = None) -> None:
    """Check that a file that was just read has the columns, and texts in them, not lists or objects.

    Args:
        table: the file.
        place: its name.
        columns: to look at.
        nests: columns of them that may hold more than texts, with what they may: "a list", "an object".

    Raises:
        DataError: E-COLUMN, or E-TEXT or E-LABEL with rows.
    """
    _check_named(table.columns, place, Wanted(columns.text, columns.text_pair, columns.label))
    problems = Problems(place)
    for option, name in (("--text", columns.text), ("--text-pair", columns.text_pair), ("--label", columns.label)):
        if name is not None and name in table.nested and table.nested[name].kind not in (nests or {}).get(name, ()):
            role, code = ("label", "E-LABEL") if option == "--label" else ("text", "E-TEXT")
            found = table.nested[name]
            what = f'{found}, column "{name}": {found.kind} where a {role} is needed.'
            problems.add(f"{what} Write the {role} itself, or name another column with {option} COL.", code)
    problems.raise_if_any()


def _tagged(table: Table) -> tuple[str, str] | None:
    """Columns with lists of words and of their tags."""
    lists = [name for name in table.columns if name in table.nested]
    words, tags = ([name for name in lists if plain(name) in known] for known in (WORDS, TAGS))
    return (words[0], tags[0]) if len(words) == 1 and len(tags) == 1 else None


def _source_and_target(facts: Mapping[str, Facts], wanted: Wanted) -> tuple[str, str] | None:
    """Columns with a text to read and a text to write, by their names; None where another column is called the label."""
    if (wanted.text and wanted.label) or wanted.text_pair:
        return None
    known = {plain(name): name for name in facts}
    pairs = [(known[first], known[second]) for first, second in SOURCES if first in known and second in known]
    languages = [name for name in facts if language(name) and is_prose(facts[name].first)]
    pairs += [(languages[0], languages[1])] if len(languages) == 2 else []
    for source, target in pairs:
        named = wanted.text in (None, source) and wanted.label in (None, target)
        rivals = LABELS if plain(source) == "text" else LABELS[:2]  # texts have many uses
        labelled = any(plain(name) in rivals for name in facts if name != target)
        if named and not labelled and (target == REPLY or _is_written(facts[target])):
            return source, target
    return None


def _is_written(facts: Facts) -> bool:
    """Whether the values are texts that somebody wrote: mostly different ones, of several words."""
    return facts.varied and is_prose(facts.first)


def _focus(table: Table, place: str, wanted: Wanted, notes: list[Inference]) -> str | None:
    """The column that says which words a row is about."""
    if wanted.text_pair is not None:
        return wanted.text_pair
    found = focus.find(table, wanted.focus)
    if found is not None:
        what = Inference(
            what="column of the place", value=f'"{found}"', why="which word a row is about, named so", override="--text-pair COL"
        )
        notes.append(what)
    elif wanted.focus_needed:
        raise DataError(
            f"{place}: no column says which word a row is about, such as {wanted.focus[0]} with the number of the word, from 0. "
            f"Columns: {_quoted(table.columns)}. Name it with --text-pair COL.",
            "E-COLUMN",
        )
    return found


def _options(table: Table, facts: Mapping[str, Facts], place: str, wanted: Wanted, notes: list[Inference]) -> Columns | None:
    """Columns of a file of multiple choice; None for any other."""
    found = option_columns(table)
    if found is None:
        return None
    used = _taken(found.options, found.text, columns=facts)
    free = {name: one for name, one in facts.items() if name not in used}
    label = wanted.label or next((name for known in RIGHT for name in free if plain(name) == known), None)
    if label is None and wanted.label_needed:
        label = _label(free, place, wanted, notes)
    elif label is not None and wanted.label is None:
        notes.append(Inference(what="label column", value=f'"{label}"', why="named so", override="--label COL"))
    notes.append(Inference(what="options", value=f'"{found.options}"', why="named so", override="--text-pair COL"))
    text, why = (found.text, "named so") if found.text else _text_by_content(facts, [name for name in free if name != label], place)
    notes.append(Inference(what="text column", value=f'"{text}"', why=why, override="--text COL"))
    return Columns(text=text, text_pair=found.options, label=label)


def _check_named(columns: Sequence[str], place: str, wanted: Wanted) -> None:
    problems = Problems(place)
    named = {"--text": wanted.text, "--text-pair": wanted.text_pair, "--label": wanted.label}
    for option, name in named.items():
        if name is not None and sources(name, columns) is None:
            problems.add(_missing(lacking(name, columns), columns, option), "E-COLUMN")
    given = [name for name in named.values() if name is not None]
    if len(set(given)) < len(given):
        roles = " and ".join(option for option, name in named.items() if given.count(name or "") > 1)
        problems.add(f"{roles} name the same column. Each needs its own.", "E-COLUMN")
    problems.raise_if_any()


def _missing(name: str, columns: Sequence[str], option: str) -> str:
    close = nearest(name, columns)
    hint = f' Closest: "{close}".' if close else ""
    return f'there is no column "{name}" ({option}).{hint} Columns: {_quoted(columns)}.'


def _label(facts: Mapping[str, Facts], place: str, wanted: Wanted, notes: list[Inference]) -> str:
    taken = _taken(wanted.text, wanted.text_pair, columns=facts)
    free = [name for name in facts if name not in taken]
    by_name = _called(free, LABELS)
    if by_name:
        chosen, why = _only(by_name, place, "label", "--label"), "named so; "
    else:
        chosen, why = _label_by_content(facts, free, place), "the column with few and short values; "
    notes.append(Inference(what="label column", value=f'"{chosen}"', why=why + facts[chosen].counted, override="--label COL"))
    return chosen


def _taken(*names: str | None, columns: Mapping[str, Facts]) -> set[str]:
    """The columns that names are made of."""
    return {source for name in names if name is not None for source in sources(name, columns) or []}


def _called(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Columns with a known name; the first known name is so common that it wins alone."""
    first = [name for name in names if plain(name) == known[0]]
    return first if first else [name for name in names if plain(name) in known]


def _only(candidates: Sequence[str], place: str, role: str, option: str) -> str:
    if len(candidates) > 1:
        raise DataError(
            f"{place}: {len(candidates)} columns could be the {role}: {_quoted(candidates)}. Choose one with {option} COL.", "E-COLUMN"
        )
    return candidates[0]


def _label_by_content(facts: Mapping[str, Facts], free: Sequence[str], place: str) -> str:
    if any(name in facts[name].values for name in free) or (len(free) == len(facts) and _reads_like_data(facts)):
        raise DataError(
            f"{place}: the first line looks like a row, not like a header: {_quoted(list(facts))}. Put a line such as text,label above it.",
            "E-COLUMN",
        )
    if len(facts) == 1:
        raise DataError(
            f"{place}: the only column is {_quoted(list(facts))}, and a label is needed. Write a text and a label in each row, or name "
            "a task that needs no labels: --task causal_lm, masked_lm or span_corruption.",
            "E-COLUMN",
        )
    fitting = [name for name in free if _could_be_label(facts[name])]
    words = [name for name in fitting if not facts[name].numeric]
    if not fitting:
        raise DataError(
            f"{place}: no column looks like a label (few, short values). Columns: {_quoted(list(facts))}. Name it with --label COL.",
            "E-COLUMN",
        )
    return _only(words or fitting, place, "label", "--label")


def _reads_like_data(facts: Mapping[str, Facts]) -> bool:
    return any(len(name.split()) > 5 for name in facts)


def _could_be_label(facts: Facts) -> bool:
    return 2 <= facts.distinct <= max(2, facts.rows // 2) and not facts.many and facts.mean_length <= LONGEST_LABEL and not facts.fractional


def _texts(facts: Mapping[str, Facts], place: str, wanted: Wanted, label: str | None, notes: list[Inference]) -> tuple[str, str | None]:
    if wanted.text is not None:
        return wanted.text, wanted.text_pair
    taken = _taken(label, wanted.text_pair, columns=facts)
    free = [name for name in facts if name not in taken]
    pair = None if wanted.text_pair else _pair_by_name(free)
    if pair:
        note = Inference(
            what="text columns", value=f'"{pair[0]}" with "{pair[1]}"', why="named so", override="--text COL [--text-pair COL]"
        )
        notes.append(note)
        return pair
    by_name = _called(free, TEXTS)
    if by_name:
        chosen, why = _only(by_name, place, "text", "--text"), "named so"
    else:
        chosen, why = _text_by_content(facts, free, place)
    notes.append(Inference(what="text column", value=f'"{chosen}"', why=why, override="--text COL"))
    return chosen, wanted.text_pair


def _pair_by_name(free: Sequence[str]) -> tuple[str, str] | None:
    known = {plain(name): name for name in free}
    return next(((known[first], known[second]) for first, second in PAIRS if first in known and second in known), None)


def _text_by_content(facts: Mapping[str, Facts], free: Sequence[str], place: str) -> tuple[str, str]:
    lengths = sorted(((facts[name].mean_length, name) for name in free if not facts[name].numeric), reverse=True)
    if not lengths:
        raise DataError(f"{place}: no column looks like a text. Columns: {_quoted(list(facts))}. Name it with --text COL.", "E-COLUMN")
    if len(lengths) > 1 and lengths[1][0] > lengths[0][0] / 2:
        near = [name for length, name in lengths if length > lengths[0][0] / 2]
        raise DataError(
            f"{place}: {len(near)} columns could be the text: {_quoted(near)}. Choose with --text COL, or --text COL --text-pair COL.",
            "E-COLUMN",
        )
    return lengths[0][1], f"the longest texts, {lengths[0][0]:.0f} characters on average"


def _quoted(names: Sequence[str]) -> str:
    return some([f'"{name}"' for name in names], most=20)
