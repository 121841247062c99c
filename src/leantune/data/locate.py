"""From what the user gave (a path, a hub name, an object in memory) to parts that can be read: `locate("tickets.csv")`.

A part knows its name, its split where the source says one, and the digest of its bytes where it is a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leantune.core import catalogue
from leantune.core.digest import file_digest
from leantune.core.errors import MISTYPED, DataError, Problems, nearest, raise_together
from leantune.data import hub, memory
from leantune.data.charset import scan
from leantune.data.intake import Format, Inference, Intake
from leantune.data.parallel import Parallel
from leantune.data.table import Chunk, Table, TableWriter
from leantune.data.unchanged import Stamp

SPLIT_NAMES = {"train": "train", "training": "train", "dev": "dev", "validation": "dev", "valid": "dev", "val": "dev", "test": "test"}
"""What splits are called in folders and hub data sets, and which of ours they are."""

Rewrite = Callable[[Iterator[Chunk], Problems, list[Inference]], Iterator[Chunk]]
"""From the chunks of one part to those that are kept; problems and inferences go into the other two arguments."""


@dataclass(frozen=True)
class Part:
    """One readable piece of a source.

    Attributes:
        name: the file's name or a description, for messages.
        split: train, dev or test where the source says so.
        digest: of the file's bytes; None for what is not a file.
        chunks: reads it once; problems and inferences go into the two arguments.
        pair: columns of the text and of the answer, where the source itself says so.
    """

    name: str
    split: str | None
    digest: str | None
    chunks: Callable[[Problems, list[Inference]], Iterator[Chunk]]
    pair: tuple[str, str] | None = None


def locate(source: Any) -> list[Part]:
    """The parts of a source.

    Raises:
        DataError: E-FILE, E-FORMAT or E-EXTRA.
    """
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if path.is_file():
            return [_file_part(path, None)]
        if path.is_dir():
            return _folder_parts(path)
        if path.exists():
            raise DataError(f"{source}: is a pipe or a device, and rows are read several times. Write them to a file first.", "E-FILE")
        if files := Parallel.open(str(source)):
            return [Part(files.name, None, files.digest, files.chunks, files.pair)]
        _refuse_mistyped(str(source), path)
        return _dataset_parts(str(source), hub.load_hub(str(source)))
    if memory.is_frame(source):
        return [Part("pandas frame", None, None, lambda problems, notes: memory.frame_chunks(source))]  # noqa: ARG005
    if hub.is_dataset(source):
        return _dataset_parts("datasets object", hub.splits_of(source))
    if isinstance(source, list | tuple):
        return [Part("list of rows", None, None, lambda problems, notes: memory.list_chunks(source, problems))]  # noqa: ARG005
    raise DataError(f"cannot read rows from a {type(source).__name__}. Give a path, a hub name, a frame or a list of dicts.", "E-FORMAT")


def refuse_missing(names: Iterable[str]) -> None:
    """What takes no loading to see: files that are not there.

    Args:
        names: of sources; those that the hub could know are left alone, as are parallel files, which are several under one name.

    Raises:
        DataError: E-FILE with each of them.
    """
    faults = []
    for name in names:
        path = Path(name).expanduser()
        if not path.exists() and "{" not in path.name:
            try:
                _refuse_mistyped(name, path)
            except DataError as fault:
                faults.append(fault)
    raise_together("files", faults)


def bring_in(part: Part, path: Path, inferences: list[Inference], *rewrites: Rewrite) -> Table:
    """Read a part into an Arrow file at `path`.

    Args:
        part: what to read.
        path: where it goes.
        inferences: where it is noted what was worked out.
        rewrites: what becomes of the rows on their way in, in this order.

    Raises:
        DataError: every problem of the part at once.
    """
    problems = Problems(part.name)
    writer = TableWriter(path, problems)
    chunks = part.chunks(problems, inferences)
    for rewrite in rewrites:
        chunks = rewrite(chunks, problems, inferences)
    for chunk in chunks:
        writer.write(chunk)
    table = writer.close()
    if table.rows == 0 and not problems:
        problems.add("there are no rows.", "E-FORMAT")
    problems.raise_if_any()
    return table


def _formats() -> dict[str, Format]:
    members: list[Format] = [catalogue.load("data.formats", name) for name in catalogue.names("data.formats")]
    return {suffix: member for member in members for suffix in member.suffixes}


def _file_part(path: Path, split: str | None) -> Part:
    formats = _formats()
    if path.suffix.lower() not in formats:
        raise DataError(f'{path.name}: the ending "{path.suffix}" is no known format. Known: {", ".join(sorted(formats))}.', "E-FORMAT")
    chosen, stamp = formats[path.suffix.lower()], Stamp.of([path])
    try:
        encoding, digest = ("", file_digest(path)) if chosen.binary else _scanned(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).", "E-FILE") from None

    def chunks(problems: Problems, notes: list[Inference]) -> Iterator[Chunk]:
        return stamp.guarding(lambda: chosen.read(Intake(path, encoding, problems, notes)))

    return Part(path.name, split, digest, chunks)


def _scanned(path: Path) -> tuple[str, str]:
    found = scan(path)
    return found.encoding, found.digest


def _folder_parts(path: Path) -> list[Part]:
    if hub.is_saved_folder(path):
        return _dataset_parts(str(path), hub.load_folder(path))
    known = _formats()
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in known and file.stem.lower() in SPLIT_NAMES)
    splits = [SPLIT_NAMES[file.stem.lower()] for file in files]
    if "train" not in splits:
        raise DataError(
            f"{path}: the folder holds no train file (train.csv, train.jsonl ...) and is no saved `datasets` folder. Name a file.", "E-FILE"
        )
    if len(set(splits)) < len(splits):
        raise DataError(f"{path}: a split has two files: {', '.join(file.name for file in files)}. Name the files yourself.", "E-FILE")
    return [_file_part(file, split) for file, split in zip(files, splits, strict=True)]


def _refuse_mistyped(name: str, path: Path) -> None:
    """Raise E-FILE for the name of a file that is not there; the hub need not be asked, which takes long without a connection."""
    around = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    files = {Path(entry).stem: entry for entry in around if Path(entry).suffix.lower() in _formats()}
    meant = nearest(_without_configuration(path.name), files, cutoff=MISTYPED)
    only_a_file = _is_file_name(name, path)
    if meant is None and not only_a_file:
        return
    close = files[meant] if meant else nearest(path.name, around)
    hint = f' Closest: "{path.parent / close}".' if close else ""
    hub_hint = "" if only_a_file else " For a hub data set give its full name, owner/name."
    raise DataError(f"{name}: there is no such file.{hint}{hub_hint}", "E-FILE")


def _is_file_name(name: str, path: Path) -> bool:
    """Whether a name can only be a file's: no name for the hub, or with a file's ending (tickets.cvs; not common_voice_11.0)."""
    known, ending = _formats(), Path(_without_configuration(path.name)).suffix.lower()
    if ending in known or not hub.is_hub_name(name):
        return True
    return ending[1:].isalpha() and (path.parent.is_dir() or nearest(ending, known) is not None)


def _without_configuration(name: str) -> str:
    return name.partition(":")[0]


def _dataset_parts(name: str, found: dict[str | None, Any]) -> list[Part]:
    known = {key: SPLIT_NAMES.get(str(key).lower()) for key in found}
    parts = []
    for key, dataset in found.items():
        if key is None or known[key]:
            label = name if key is None else f"{name} [{key}]"
            parts.append(Part(label, known[key], None, lambda problems, notes, rows=dataset: hub.chunks(rows)))  # type: ignore[misc]  # noqa: ARG005
    if not parts:
        raise DataError(f"{name}: no split is called train. Splits: {', '.join(map(str, found))}.", "E-SPLIT")
    return parts
