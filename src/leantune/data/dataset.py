"""`prepare`: a user's file becomes a folder of splits on disk; `load`: the same folder again. Both give a `Dataset`.

dataset = prepare("tickets.csv", Path("run/data"))
for line in dataset.inferences: print(line)
dataset.splits["train"].take([0, 1])
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from leantune.core import catalogue
from leantune.core.digest import digest
from leantune.core.errors import DataError
from leantune.data.columns import Columns
from leantune.data.examples import Examples
from leantune.data.gather import find, gather
from leantune.data.golds._gold import Gold
from leantune.data.intake import Inference
from leantune.data.losses import MOST
from leantune.data.manifest import Manifest, read_manifest
from leantune.data.request import Request
from leantune.data.table import Table
from leantune.data.test_sets import MAIN, split_of
from leantune.data.unlabelled_rows import OWN, UNLABELLED, file_of


@dataclass(frozen=True)
class Dataset:
    """A prepared data folder.

    Attributes:
        folder: where it lies.
        manifest: what it holds.
        train: other training rows than those of the folder, such as a few of each label.
        train_name: what they are called in caches.
        unlabelled: digest of the rows without labels that are among the splits too; `OWN` for those of train.
    """

    folder: Path
    manifest: Manifest
    train: Examples | None = None
    train_name: str = ""
    unlabelled: str | None = None

    @property
    def source(self) -> str:
        """Names of the user's files."""
        return self.manifest.source

    @property
    def labels(self) -> list[str]:
        """Label names; label index i is labels[i]. Where answers have no names, those of the outputs."""
        return self.manifest.labels

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.manifest.task

    @cached_property
    def gold(self) -> Gold:
        """The kind of its answers."""
        gold: Gold = catalogue.load("data.golds", self.manifest.gold)
        return gold

    @property
    def columns(self) -> Columns:
        """Names of the text, text-pair and label columns in the user's file."""
        return self.manifest.columns

    @property
    def digest(self) -> str:
        """Name of the content: texts, labels, splits; without further test sets, so that adding one loses no trained trial."""
        return self.manifest.digest

    @property
    def inferences(self) -> list[Inference]:
        """What leantune worked out itself; `str()` of each is one line to print."""
        return self.manifest.inferences

    @cached_property
    def splits(self) -> dict[str, Examples]:
        """The rows of train, dev, test and every further test set; the unlabelled ones where there are any."""
        found = {name: Examples(self.folder / f"{name}.arrow") for name in self.manifest.sizes}
        found |= {} if self.train is None else {"train": self.train}
        if self.unlabelled is None:
            return found
        return found | {UNLABELLED: found["train"] if self.unlabelled == OWN else Examples(self.folder / file_of(self.unlabelled))}

    @property
    def tests(self) -> dict[str, str]:
        """The split of each test set by its name, the main one first."""
        return {self.manifest.test or MAIN: MAIN, **{name: split_of(name) for name in self.manifest.further}}

    def digest_of(self, split: str) -> str:
        """Name of the content that a split belongs to: a further test set has its own, and so have other training rows."""
        own = split == UNLABELLED and self.unlabelled == OWN
        if (own or split == "train") and self.train is not None:
            return digest(self.digest, self.train_name)
        if split == UNLABELLED and not own and self.unlabelled is not None:
            return self.unlabelled
        return {split_of(name): data for name, data in self.manifest.further.items()}.get(split, self.digest)

    @property
    def whole_digest(self) -> str:
        """Name of the content with the further test sets, on which no training depends."""
        return digest(self.digest, self.manifest.further) if self.manifest.further else self.digest

    def source_table(self, split: str) -> Table:
        """The whole file that a split's rows come from, with all its columns; row r of `Examples.rows` is its row r - 1."""
        return Table.open(self.folder / self.manifest.sources[split].table)


def prepare(  # the whole surface of "data in"; each option is a flag of the command line
    source: Any,
    folder: str | Path,
    *,
    dev: Any = None,
    test: Any = None,
    text: str | None = None,
    text_pair: str | None = None,
    label: str | None = None,
    seed: int = 0,
    task: str | None = None,
    most_lost: float = MOST,
) -> Dataset:
    """Read, check and split labelled rows into `folder`; a folder that already holds them is used as it is.

    Args:
        source: a path (CSV, TSV, JSON, JSON Lines, Parquet, a saved `datasets` folder, a folder with train, dev and test files),
            a hub name, a pandas frame, a `datasets` object or a list of dicts.
        folder: where the prepared data goes.
        dev: rows to choose on, in any of these forms; cut from `source` when not given.
        test: rows to report on, likewise; a dictionary of such is several test sets by name, the first of which is the main one.
        text: name of the text column; inferred when not given, as are the next three.
        text_pair: name of the second text's column.
        label: name of the label column.
        seed: another seed cuts other rows.
        task: name of the task.
        most_lost: share of a file's rows that may lose something; what is left out of them is listed in `left_out.jsonl` there.

    Raises:
        DataError: everything that is wrong with the data, with rows and remedies.
    """
    request = Request(text=text, text_pair=text_pair, label=label, seed=seed, task=task, most_lost=most_lost)
    manifest = gather(source, dev, test, request, Path(folder))
    return Dataset(Path(folder), manifest)


def is_prepared(source: Any, folder: str | Path, *, dev: Any = None, test: Any = None, **settings: Any) -> bool:
    """Whether `folder` already holds exactly these sources and settings, so that `prepare` would use it as it is; writes nothing.

    The arguments are those of `prepare`. Always False for what is no file: a frame, a list or a hub data set.

    Raises:
        DataError: when the folder holds prepared data and a source is not there.
    """
    return find(source, dev, test, Request(**settings), Path(folder)) is not None


def load(folder: str | Path) -> Dataset:
    """The data set that `prepare` left in a folder.

    Raises:
        DataError: E-FILE when the folder holds none, or one of another version.
    """
    manifest = read_manifest(Path(folder))
    if manifest is None:
        raise DataError(f"{folder}: no prepared data here. Prepare it again from the original file.", "E-FILE")
    return Dataset(Path(folder), manifest)
