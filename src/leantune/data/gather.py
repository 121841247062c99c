"""The steps of `prepare`: locate the sources, bring them in, find columns, count labels, cut splits, write them.

Each step either succeeds or raises everything that is wrong with its input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from leantune.core import catalogue
from leantune.core.digest import digest
from leantune.core.errors import unknown_name
from leantune.data import splits
from leantune.data.chat import CONVERSATION, REPLY
from leantune.data.columns import Columns
from leantune.data.cutting import numbered, places_of
from leantune.data.deposit import Deposit
from leantune.data.entities import entity_rows
from leantune.data.events import TRIGGER, event_rows
from leantune.data.facts import look
from leantune.data.golds._gold import Gold, Labelled
from leantune.data.inferring import columns_and_task, gold_of, pattern_of, placed
from leantune.data.intake import Inference
from leantune.data.layouts import plain_rows
from leantune.data.locate import Part, Rewrite, bring_in
from leantune.data.losses import settle
from leantune.data.manifest import VERSION, ContentDigest, Manifest, read_manifest, write_manifest
from leantune.data.marks import put_marks, refuse_unmarked
from leantune.data.neighbours import neighbour_rows
from leantune.data.parts import parts_of
from leantune.data.request import Request
from leantune.data.table import Table
from leantune.data.test_sets import MAIN, given_tests, split_of


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
    columns, task, why = columns_and_task(parts, tables, request, notes)
    notes.extend(_mixed(parts, tables, columns))
    answers = Answers.learn(task, _labelled(parts, tables, columns, gold_of(task), notes), notes)
    settle(notes, folder, request.most_lost)
    for source in answers.sources.values():
        refuse_unmarked(source.table, source.columns, source.place, pattern_of(task))
    sources = {split: numbered(parts[split], one, answers.gold, answers.labels) for split, one in answers.sources.items()}
    if "test" not in sources:  # with a test file, the only row of a label stays in train
        answers.gold.check_cuttable(answers.sources["train"])
    places = places_of(sources, request.seed, notes)
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
    task = catalogue.load("tasks", request.task) if request.task else None
    tagging = task is not None and task.gold == "tags" and not task.focus
    if request.text in (None, CONVERSATION) and request.label in (None, REPLY):
        found.append(partial(plain_rows, answered=True, tagging=tagging))
    elif request.text_pair is None and (task is None or tagging):
        found.append(partial(entity_rows, answered=True, text=request.text, places=request.label, tagging=tagging))
    if request.label is None and (task is None or task.gold == "tags" or TRIGGER in task.focus):
        found.append(partial(event_rows, arguments=task is not None and bool(task.focus)))
    if request.task and gold_of(request.task).from_passages:
        found.append(neighbour_rows)
    if request.task is None or pattern_of(request.task):
        found.append(partial(put_marks, text=request.text))
    return found


def _mixed(parts: dict[str, Part], tables: dict[str, Table], columns: Columns) -> Iterator[Inference]:
    """Label columns whose values are of several kinds in a JSON file: equal texts of them are one label."""
    for split, table in tables.items():
        kinds = sorted(table.kinds.get(str(columns.label), frozenset()) - {"null", "json"})
        if len(kinds) > 1:
            why = f'{parts[split].name}: all are read as texts, so 1 and "1" are one label'
            yield Inference(what=f'kinds of values in "{columns.label}"', value=" and ".join(f"{kind}s" for kind in kinds), why=why)


def _table_digest(table: Table) -> str:
    found = ContentDigest()
    for batch in table.batches():
        for column in batch.columns:
            found.add_texts(column)
    return digest(table.columns, found.name())


def _labelled(
    parts: dict[str, Part], tables: dict[str, Table], columns: Columns, gold: Gold, notes: list[Inference]
) -> dict[str, Labelled]:
    """The files with answers; a hub set's own test split without any is left out, and that is said."""
    found = {}
    for split, part in parts.items():
        own = placed(split, tables[split], columns, gold)
        column = str(own.label)
        if gold.labelled and part.split and split != "train" and look(tables[split], [column])[column].distinct == 0:
            notes.append(Inference(what="split left out", value=part.name, why="no row has a label"))
            continue
        found[split] = Labelled(tables[split], own, part.name)
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
