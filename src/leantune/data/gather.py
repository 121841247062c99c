"""The steps of `prepare`: locate the sources, bring them in, find columns, count labels, cut splits, write them.

Each step either succeeds or raises everything that is wrong with its input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leantune.core import catalogue
from leantune.core.digest import digest
from leantune.core.errors import DataError, unknown_name
from leantune.core.spec import Spec
from leantune.data import splits
from leantune.data.columns import Columns, Wanted, infer_columns, require_columns
from leantune.data.examples import ExampleWriter
from leantune.data.facts import look
from leantune.data.intake import Inference
from leantune.data.keys import keys, occurs_in
from leantune.data.labels import check_counts, check_known, check_single_rows, count_labels, numbered
from leantune.data.locate import Part, bring_in, locate
from leantune.data.manifest import VERSION, ContentDigest, Manifest, SourceTable, read_manifest, write_manifest
from leantune.data.table import Table

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


@dataclass(frozen=True)
class Source:
    """One file of the user's, read and numbered.

    Attributes:
        part: where it came from.
        table: all its columns.
        labels: label index per row, int32.
        keys: key of text (and pair) per row, uint64.
        groups: rows with equal groups stay in one split, uint64.
    """

    part: Part
    table: Table
    labels: splits.Array
    keys: splits.Array
    groups: splits.Array


def gather(source: Any, dev: Any, test: Any, request: Request, folder: Path) -> Manifest:
    """Prepare `folder` and give its manifest."""
    parts = _parts(source, dev, test, request)
    ready = _ready(parts, request, folder)
    if ready:
        return ready
    (folder / "manifest.json").unlink(missing_ok=True)
    notes: list[Inference] = []
    tables = {split: bring_in(part, folder / "raw" / f"{split}.arrow", notes) for split, part in parts.items()}
    key = _key(parts, {split: parts[split].digest or _table_digest(table) for split, table in tables.items()}, request)
    columns = _columns(parts, tables, request, notes)
    counts = _count(parts, tables, columns, notes)
    labels = sorted(counts["train"])
    sources = {split: _number(parts[split], tables[split], columns, labels) for split in counts}
    _check_cuttable(sources["train"], counts["train"], columns, cut=len(sources) < len(splits.NAMES))
    places = _places(sources, request.seed, notes)
    notes.append(_task(request, len(labels)))
    found, sizes = _write(places, sources, folder, columns)
    manifest = Manifest(
        source=" + ".join(dict.fromkeys(one.part.name for one in sources.values())),
        key=key,
        digest=digest(found, labels, request.task or DEFAULT_TASK),
        task=request.task or DEFAULT_TASK,
        seed=request.seed,
        columns=columns,
        labels=labels,
        sizes=sizes,
        sources={split: _source_table(sources.get(split) or sources["train"], folder) for split in splits.NAMES},
        inferences=notes,
    )
    write_manifest(folder, manifest)
    return manifest


def find(source: Any, dev: Any, test: Any, request: Request, folder: Path) -> Manifest | None:
    """The manifest of a folder that `gather` would use as it is; None where it would prepare. Nothing is written."""
    return _ready(_parts(source, dev, test, request), request, folder) if read_manifest(folder) else None


def _ready(parts: dict[str, Part], request: Request, folder: Path) -> Manifest | None:
    """The manifest of a folder with exactly these files and settings; what is no file has no digest yet, and no key fits it."""
    known, digests = read_manifest(folder), {split: part.digest for split, part in parts.items()}
    return known if known and known.key == _key(parts, digests, request) else None


def _parts(source: Any, dev: Any, test: Any, request: Request) -> dict[str, Part]:
    """One part per split that the user gave; dev and test named by the user replace those of the source."""
    tasks = catalogue.names("tasks")
    if request.task is not None and request.task not in tasks:
        raise unknown_name("task", request.task, tasks)
    located = locate(source)
    parts = {part.split or "train": part for part in sorted(located, key=lambda part: splits.NAMES.index(part.split or "train"))}
    if "train" not in parts:
        raise DataError(f"{located[0].name}: no split to train on. Splits: {', '.join(sorted(parts))}.", "E-SPLIT")
    for split, given in (("dev", dev), ("test", test)):
        if given is not None:
            parts[split] = _held_out(given, split)
    return parts


def _held_out(given: Any, split: str) -> Part:
    located = locate(given)
    fitting = located if len(located) == 1 else [part for part in located if part.split == split]
    if len(fitting) != 1:
        raise DataError(f"{located[0].name}: {len(located)} splits, and none is the {split} split. Name one file.", "E-SPLIT")
    return fitting[0]


def _key(parts: dict[str, Part], digests: Mapping[str, str | None], request: Request) -> str:
    return digest(VERSION, {split: [part.name, digests[split]] for split, part in parts.items()}, request)


def _table_digest(table: Table) -> str:
    found = ContentDigest()
    for batch in table.batches():
        for column in batch.columns:
            found.add_texts(column)
    return digest(table.columns, found.name())


def _columns(parts: dict[str, Part], tables: dict[str, Table], request: Request, notes: list[Inference]) -> Columns:
    wanted = Wanted(request.text, request.text_pair, request.label)
    columns, inferred = infer_columns(tables["train"], parts["train"].name, wanted)
    notes.extend(inferred)
    for split, table in tables.items():
        require_columns(table, parts[split].name, columns)
    return columns


def _count(parts: dict[str, Part], tables: dict[str, Table], columns: Columns, notes: list[Inference]) -> dict[str, Counter[str]]:
    """Label counts per split; a hub set's own test split without labels is left out, and that is said."""
    column, counts = str(columns.label), {}
    for split, part in parts.items():
        if part.split and split != "train" and look(tables[split], [column])[column].distinct == 0:
            notes.append(Inference(what="split left out", value=part.name, why="no row has a label"))
            continue
        counts[split] = count_labels(tables[split], column, part.name)
    check_counts(counts["train"], column, parts["train"].name)
    for split in set(counts) - {"train"}:
        check_known(counts[split], list(counts["train"]), column, place=parts[split].name, table=tables[split])
    return counts


def _number(part: Part, table: Table, columns: Columns, labels: list[str]) -> Source:
    names = [columns.text, *([columns.text_pair] if columns.text_pair else []), str(columns.label)]
    numbers, first = np.empty(table.rows, np.int32), np.empty(table.rows, np.uint64)
    whole = np.empty(table.rows, np.uint64) if columns.text_pair else first
    start, empty = 0, True
    for batch in table.batches(names):
        texts, *pair, label = batch.columns
        span, start = slice(start, start + batch.num_rows), start + batch.num_rows
        numbers[span] = numbered(label, labels)
        first[span] = keys(_filled(texts).to_pylist())
        if pair:
            whole[span] = keys(_filled(texts).to_pylist(), _filled(pair[0]).to_pylist())
        empty = empty and not pc.any(pc.greater(pc.binary_length(texts), 0)).as_py()
    if empty:
        raise DataError(f'{part.name}, column "{columns.text}": every text is empty. Name the text with --text COL.', "E-TEXT")
    return Source(part, table, numbers, whole, _groups(whole, first))


def _groups(whole: splits.Array, first: splits.Array) -> splits.Array:
    """Pairs that share their first text stay together, unless few first texts make up the whole file."""
    sample = first[:100_000]
    return first if whole is first or len(np.unique(sample)) * 20 >= len(sample) else whole


def _check_cuttable(train: Source, counts: Mapping[str, int], columns: Columns, *, cut: bool) -> None:
    if cut:
        check_single_rows(counts, str(columns.label), train.part.name, train.table)


def _places(sources: dict[str, Source], seed: int, notes: list[Inference]) -> splits.Array:
    """Split number of each row of the train source."""
    _refuse_same(sources)
    cut = [number for number, name in enumerate(splits.NAMES) if name not in sources]
    train = sources["train"]
    try:
        place = splits.assign(train.groups, train.labels, seed=seed, cut=cut)
    except DataError as error:
        raise DataError(f"{train.part.name}: {error.message}", error.code) from None
    if cut:
        sizes = ", ".join(f"{int((place == number).sum()):,} {name}" for number, name in enumerate(splits.NAMES) if number in (0, *cut))
        options = " ".join(f"--{splits.NAMES[number]} FILE" for number in cut)
        why = f"cut from {train.part.name}: stratified by label, seed {seed}, rows with the same text together"
        notes.append(Inference(what="split", value=f"{sizes} rows", why=why, override=options))
    return place


def _refuse_same(sources: dict[str, Source]) -> None:
    """Two splits that hold the same rows cannot tell memory from skill."""
    for held, other in (("test", "train"), ("dev", "train"), ("test", "dev")):
        if held in sources and other in sources:
            share = float(occurs_in(sources[held].keys, sources[other].keys).mean())
            if share > SAME_FILE:
                raise DataError(
                    f"{sources[held].part.name} ({held}): {share:.0%} of its {len(sources[held].keys):,} rows are also in "
                    f"{sources[other].part.name} ({other}). Give rows that {other} does not hold, or leave --{held} out and let it be cut.",
                    "E-SPLIT",
                )


def _task(request: Request, labels: int) -> Inference:
    why = "as you asked" if request.task else f"the label column holds {labels:,} different texts"
    return Inference(what="task", value=request.task or DEFAULT_TASK, why=why, override="--task TASK")


def _write(places: splits.Array, sources: dict[str, Source], folder: Path, columns: Columns) -> tuple[str, dict[str, int]]:
    """Write the splits; give the digest of their content and their sizes."""
    paired, contents = columns.text_pair is not None, ContentDigest()
    writers = {name: ExampleWriter(folder / f"{name}.arrow", paired=paired) for name in splits.NAMES}
    for split, source in sources.items():
        where = places if split == "train" else np.full(source.table.rows, splits.NAMES.index(split), np.int8)
        _copy(source, where, columns, writers, contents)
    for writer in writers.values():
        writer.close()
    return contents.name(), {name: writer.rows for name, writer in writers.items()}


def _copy(source: Source, where: splits.Array, columns: Columns, writers: dict[str, ExampleWriter], contents: ContentDigest) -> None:
    names, start = [columns.text, *([columns.text_pair] if columns.text_pair else [])], 0
    for batch in source.table.batches(names):
        texts, span = [_filled(column) for column in batch.columns], slice(start, start + batch.num_rows)
        rows = np.arange(start + 1, start + batch.num_rows + 1, dtype=np.int64)
        for column in texts:
            contents.add_texts(column)
        contents.add_numbers(source.labels[span])
        contents.add_numbers(where[span])
        for number, name in enumerate(splits.NAMES):
            mask = where[span] == number
            if mask.any():
                chosen = [column.filter(pa.array(mask)) for column in texts]
                writers[name].write([*chosen, source.labels[span][mask], rows[mask], source.keys[span][mask]])
        start += batch.num_rows


def _filled(column: Any) -> Any:
    """A text that is null counts as empty; the check tells how many there are."""
    return pc.fill_null(column, "")


def _source_table(source: Source, folder: Path) -> SourceTable:
    return SourceTable(name=source.part.name, rows=source.table.rows, table=source.table.path.relative_to(folder).as_posix())
