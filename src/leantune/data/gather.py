"""The steps of `prepare`: locate the sources, bring them in, find columns, count labels, cut splits, write them.

Each step either succeeds or raises everything that is wrong with its input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from leantune.core import catalogue
from leantune.core.digest import digest
from leantune.core.errors import DataError, unknown_name
from leantune.core.spec import Spec
from leantune.data import splits
from leantune.data.chat import CONVERSATION, REPLY
from leantune.data.columns import Columns, Wanted, infer_columns, require_columns
from leantune.data.deposit import Deposit, Source
from leantune.data.events import TRIGGER, event_rows
from leantune.data.facts import look
from leantune.data.golds._gold import Gold, Labelled
from leantune.data.intake import Inference
from leantune.data.keys import keys, occurs_in
from leantune.data.layouts import plain_rows
from leantune.data.locate import Part, Rewrite, bring_in
from leantune.data.manifest import VERSION, ContentDigest, Manifest, read_manifest, write_manifest
from leantune.data.marks import marked_columns, put_marks, refuse_unmarked
from leantune.data.names import plain
from leantune.data.neighbours import neighbour_rows
from leantune.data.parts import parts_of
from leantune.data.rows import nests, texts_of
from leantune.data.table import MARKED, Table
from leantune.data.test_sets import MAIN, given_tests, split_of

DEFAULT_TASK = "classification"
"""The task of labelled texts when none is named."""

SAME_FILE = 0.95
"""Share of a held-out split's rows in train from which on it counts as the same file."""


class Request(Spec):
    """What the user asked for beside the sources; None: infer."""

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    seed: int = 0
    task: str | None = None


def gather(source: Any, dev: Any, test: Any, request: Request, folder: Path) -> Manifest:
    """Prepare `folder` and give its manifest."""
    names, parts = list(given_tests(test)), _parts(source, dev, test, request)
    ready = _ready(parts, names, request, folder)
    if ready:
        return ready
    (folder / "manifest.json").unlink(missing_ok=True)
    notes: list[Inference] = []
    tables = {split: bring_in(part, folder / "raw" / f"{split}.arrow", notes, *_rewrites(request)) for split, part in parts.items()}
    key = _key(parts, {split: parts[split].digest or _table_digest(table) for split, table in tables.items()}, names, request)
    columns, task, why = _columns(parts, tables, request, notes)
    answers = Answers.learn(task, _labelled(parts, tables, columns, _gold(task), notes), notes)
    for source in answers.sources.values():
        refuse_unmarked(source.table, source.columns, source.place, _pattern(task))
    sources = {split: _number(parts[split], one, answers) for split, one in answers.sources.items()}
    if "test" not in sources:  # with a test file, the only row of a label stays in train
        answers.gold.check_cuttable(answers.sources["train"])
    places = _places(sources, request.seed, notes)
    why = why or f"the label column holds {len(answers.labels):,} different texts"
    notes.append(Inference(what="task", value=task, why=why, override="--task TASK"))
    if len(names) > 1:
        why = f'verdicts, floors, choice and limits go by {names[0]}, the first: it is the split "test"'
        tests = [f"{name} ({parts[split_of(str(name)) if place else MAIN].name})" for place, name in enumerate(names)]
        notes.append(Inference(what="test sets", value=", ".join(tests), why=why, override="another order of --test"))
    written = Deposit(folder, answers.gold, answers.labels).write(places, sources)
    manifest = Manifest(
        source=" + ".join(dict.fromkeys(one.part.name for split, one in sources.items() if split in splits.NAMES)),
        key=key,
        digest=digest(written.digest, answers.labels, task),
        task=task,
        gold=answers.kind,
        seed=request.seed,
        columns=columns,
        labels=answers.labels,
        sizes=written.sizes,
        sources={split: (sources.get(split) or sources["train"]).facts(folder) for split in written.sizes},
        test=names[0] if names else None,
        further={str(name): written.further[split_of(str(name))] for name in names[1:]},
        inferences=notes,
    )
    write_manifest(folder, manifest)
    return manifest


def find(source: Any, dev: Any, test: Any, request: Request, folder: Path) -> Manifest | None:
    """The manifest of a folder that `gather` would use as it is; None where it would prepare. Nothing is written."""
    if not read_manifest(folder):
        return None
    return _ready(_parts(source, dev, test, request), list(given_tests(test)), request, folder)


def _ready(parts: dict[str, Part], tests: list[str | None], request: Request, folder: Path) -> Manifest | None:
    """The manifest of a folder with exactly these files and settings; what is no file has no digest yet, and no key fits it."""
    known, digests = read_manifest(folder), {split: part.digest for split, part in parts.items()}
    return known if known and known.key == _key(parts, digests, tests, request) else None


def _parts(source: Any, dev: Any, test: Any, request: Request) -> dict[str, Part]:
    tasks = catalogue.names("tasks")
    if request.task is not None and request.task not in tasks:
        raise unknown_name("task", request.task, tasks)
    return parts_of(source, dev, test)


def _key(parts: dict[str, Part], digests: Mapping[str, str | None], tests: list[str | None], request: Request) -> str:
    named = tests if any(tests) else []
    return digest(VERSION, {split: [part.name, digests[split]] for split, part in parts.items()}, request, *named)


def _rewrites(request: Request) -> list[Rewrite]:
    """What becomes of rows on their way in: chats, translations and lists of events get plain columns, relations their marks."""
    found: list[Rewrite] = []
    if request.text in (None, CONVERSATION) and request.label in (None, REPLY):
        found.append(partial(plain_rows, answered=True))
    task = catalogue.load("tasks", request.task) if request.task else None
    if request.label is None and (task is None or task.gold == "tags" or TRIGGER in task.focus):
        found.append(partial(event_rows, arguments=task is not None and bool(task.focus)))
    if request.task and _gold(request.task).from_passages:
        found.append(neighbour_rows)
    if request.task is None or _pattern(request.task):
        found.append(partial(put_marks, text=request.text))
    return found


def _table_digest(table: Table) -> str:
    found = ContentDigest()
    for batch in table.batches():
        for column in batch.columns:
            found.add_texts(column)
    return digest(table.columns, found.name())


def _columns(parts: dict[str, Part], tables: dict[str, Table], request: Request, notes: list[Inference]) -> tuple[Columns, str, str]:
    """The columns in use, the task, named or inferred, and why it is this one ("" for the default)."""
    tasks = [request.task] if request.task else catalogue.names("tasks")
    names = tuple(name for task in tasks for name in catalogue.load("tasks", task).focus)
    marked = MARKED if MARKED in tables["train"].columns else None
    named = (request.text, request.text_pair, request.label)
    if (pair := parts["train"].pair) and named == (None, None, None):
        named = (pair[0], None, pair[1])
    labelled = request.task is None or _gold(request.task).labelled
    about = bool(request.task and names)
    wanted = Wanted(marked or named[0], *named[1:], label_needed=labelled, focus=names, focus_needed=about)
    columns, inferred = infer_columns(tables["train"], parts["train"].name, wanted)
    notes.extend(inferred)
    task, why = (request.task, "as you asked") if request.task else _inferred_task(tables["train"], columns)
    gold = _gold(task)
    for split, table in tables.items():
        own = _placed(split, table, columns, gold)
        require_columns(table, parts[split].name, own, nests=nests(own, gold))
        if own.label != columns.label:
            why = f'{parts[split].name} has this column for the answers instead of "{columns.label}"'
            notes.append(Inference(what=f"{split} label column", value=f'"{own.label}"', why=why))
    return columns, task, why


def _gold(task: str) -> Gold:
    """The kind of answers of a task."""
    gold: Gold = catalogue.load("data.golds", catalogue.load("tasks", task).gold)
    return gold


def _placed(split: str, table: Table, columns: Columns, gold: Gold) -> Columns:
    """Where the columns stand in the file of a split."""
    return marked_columns(table, columns if split == "train" else gold.placed(table, columns))


def _inferred_task(table: Table, columns: Columns) -> tuple[str, str]:
    """The task whose kind of answers the label column must be, or whose marks all texts have, and why; else the default one and ""."""
    label = str(columns.label)
    facts, nested, of_words = look(table, [label])[label], table.nested.get(label), _is_of_words(table, columns)
    found = list[tuple[str, str]]()
    for name in catalogue.names("tasks"):
        task = catalogue.load("tasks", name)
        if task.focus and plain(columns.text_pair or "") not in task.focus:
            continue
        if task.pattern and _all_have(table, columns.text, task.pattern):
            return name, "all texts have the marks of its things"
        gold = catalogue.load("data.golds", task.gold)
        if why := gold.reads(table, columns) or gold.suits(facts, nested, of_words=of_words):
            if task.condenses and (better := task.fits(look(table, [columns.text])[columns.text].mean_length, facts.mean_length)):
                return name, better
            why = f'{why}, and "{columns.text_pair}" says which word it is about' if task.focus else why
            found += [(name, why)] if task.inferred else []
    return found[0] if found else (DEFAULT_TASK, "")


def _pattern(task: str) -> str | None:
    """What every text of a task has in it."""
    pattern: str | None = catalogue.load("tasks", task).pattern
    return pattern


def _all_have(table: Table, column: str, pattern: str) -> bool:
    """Whether the pattern is found in all of the first texts."""
    texts = next(iter(table.batches([column]))).column(0).to_pylist()
    return bool(texts) and all(re.search(pattern, text or "") for text in texts)


def _is_of_words(table: Table, columns: Columns) -> bool:
    """Whether most rows are lists; a few among texts are a mistake, and a few missing lists among lists are another."""
    nested = table.nested.get(columns.text)
    return nested is not None and nested.kind == "a list" and 2 * nested.count > table.rows


def _labelled(
    parts: dict[str, Part], tables: dict[str, Table], columns: Columns, gold: Gold, notes: list[Inference]
) -> dict[str, Labelled]:
    """The files with answers; a hub set's own test split without any is left out, and that is said."""
    found = {}
    for split, part in parts.items():
        placed = _placed(split, tables[split], columns, gold)
        column = str(placed.label)
        if gold.labelled and part.split and split != "train" and look(tables[split], [column])[column].distinct == 0:
            notes.append(Inference(what="split left out", value=part.name, why="no row has a label"))
            continue
        found[split] = Labelled(tables[split], placed, part.name)
    return found


@dataclass(frozen=True)
class Answers:
    """The answers of all files.

    Attributes:
        kind: name of the kind of gold.
        labels: names of the answers.
        sources: the files that have them, by split.
    """

    kind: str
    labels: list[str]
    sources: dict[str, Labelled]

    @classmethod
    def learn(cls, task: str, sources: dict[str, Labelled], notes: list[Inference]) -> Answers:
        """Learn the labels; everything that is wrong with the answers is told."""
        kind = catalogue.load("tasks", task).gold
        held = [source for split, source in sources.items() if split != "train"]
        return cls(kind, catalogue.load("data.golds", kind).learn(sources["train"], held, notes), sources)

    @cached_property
    def gold(self) -> Gold:
        """The kind of answers."""
        gold: Gold = catalogue.load("data.golds", self.kind)
        return gold


def _number(part: Part, source: Labelled, answers: Answers) -> Source:
    """Keys and strata of all rows of a file."""
    columns, rows = source.columns, source.table.rows
    strata, first = np.empty(rows, np.int32), np.empty(rows, np.uint64)
    whole = np.empty(rows, np.uint64) if columns.text_pair else first
    empty = True
    for start, cells in source.cells():
        span = slice(start - 1, start - 1 + cells.num_rows)
        texts = texts_of(cells, columns, answers.gold.pieces)
        strata[span] = answers.gold.strata(answers.gold.read(cells, answers.labels))
        first[span] = keys(texts[-1 if answers.gold.pieces == "spans" else 0].to_pylist())
        if columns.text_pair:
            whole[span] = keys(*(column.to_pylist() for column in texts))
        empty = empty and not pc.any(pc.greater(pc.binary_length(texts[0]), 0)).as_py()
    if empty:
        raise DataError(f'{part.name}, column "{columns.text}": every text is empty. Name the text with --text COL.', "E-TEXT")
    return Source(part, source, strata, whole, first if answers.gold.grouped else _groups(whole, first))


def _groups(whole: splits.Array, first: splits.Array) -> splits.Array:
    """Pairs that share their first text (questions: that are about the same text) stay together, unless few make up the whole file."""
    sample = first[:100_000]
    return first if whole is first or len(np.unique(sample)) * 20 >= len(sample) else whole


def _places(sources: dict[str, Source], seed: int, notes: list[Inference]) -> splits.Array:
    """Split number of each row of the train source."""
    _refuse_same(sources)
    cut = [number for number, name in enumerate(splits.NAMES) if name not in sources]
    train = sources["train"]
    try:
        place = splits.assign(train.groups, train.strata, seed=seed, cut=cut)
    except DataError as error:
        raise DataError(f"{train.part.name}: {error.message}", error.code) from None
    if cut:
        sizes = ", ".join(f"{int((place == number).sum()):,} {name}" for number, name in enumerate(splits.NAMES) if number in (0, *cut))
        options = " ".join(f"--{splits.NAMES[number]} FILE" for number in cut)
        why = f"cut from {train.part.name}: stratified by label, seed {seed}, rows with the same text together"
        notes.append(Inference(what="split", value=f"{sizes} rows", why=why, override=options))
    return place


def _refuse_same(sources: dict[str, Source]) -> None:
    """Two splits that hold the same rows cannot tell memory from skill; two test sets may share rows."""
    tests = [split for split in sources if split not in ("train", "dev")]
    for held, other in [*((test, "train") for test in tests), ("dev", "train"), *((test, "dev") for test in tests)]:
        if held in sources and other in sources:
            share = float(occurs_in(sources[held].keys, sources[other].keys).mean())
            if share > SAME_FILE:
                cut = f", or leave --{held} out and let it be cut" if held in splits.NAMES else ""
                raise DataError(
                    f"{sources[held].part.name} ({held}): {share:.0%} of its {len(sources[held].keys):,} rows are also in "
                    f"{sources[other].part.name} ({other}). Give rows that {other} does not hold{cut}.",
                    "E-SPLIT",
                )
