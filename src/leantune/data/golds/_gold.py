"""Gold: how the answers of a task lie in a file, and how they lie on disk afterwards.

    labels = gold.learn(train, held, notes)          what an answer can be, from all rows; whatever is wrong is told with its rows
    column = gold.read(cells, labels)                answers of a batch of rows as an Arrow array of type `gold.arrow`
    gold.strata(column)                              one number per row to spread over the splits by

A kind of gold is one file in this folder that binds `MEMBER` to an instance; a task names the kind it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leantune.data.columns import Columns
from leantune.data.facts import Facts
from leantune.data.intake import Inference
from leantune.data.table import Nested, Table
from leantune.data.words import OF_WORDS


@dataclass(frozen=True)
class Labelled:
    """A file with answers."""

    table: Table
    columns: Columns
    place: str
    """Its name in messages."""

    @property
    def label(self) -> str:
        """Name of the column of the answers."""
        return str(self.columns.label)

    def cells(self) -> Iterator[tuple[int, Any]]:
        """Number of the first row (from 1) and the cells of consecutive rows: text, pair where there is one, label."""
        start = 1
        for batch in self.table.batches(self.columns.read):
            yield start, batch
            start += batch.num_rows


class Gold:
    """Base of the kinds."""

    arrow: pa.DataType
    """Type of an answer on disk."""
    closed: bool = False
    """Whether each row has one label out of a closed list."""
    coded: bool = True
    """Whether an answer is made of numbers into the names of the answers."""
    grouped: bool = False
    """Whether rows with the same first text are one unit, which no split may tear apart."""
    nests: tuple[str, ...] = ()
    """What an answer may be besides a text or number: "a list", "an object"."""
    pieces: str = "text"
    """How rows become pieces, a name of `data.pieces`."""
    unique: bool = True
    """Whether a text has one right answer, so that different ones contradict each other."""
    labelled: bool = True
    """Whether answers stand in a column of their own; else they lie in the text itself."""
    from_passages: bool = False
    """Whether rows are made of plain text where a file holds nothing else."""
    also_called: tuple[str, ...] = ()
    """What the column may be called in further files."""

    @property
    def words(self) -> bool:
        """Whether a row is a list of words."""
        return self.pieces in OF_WORDS

    @property
    def lists(self) -> bool:
        """Whether a row is a list: of words, or of turns."""
        return self.words or self.pieces == "chat"

    def placed(self, table: Table, columns: Columns) -> Columns:
        """The columns of a further file, where the answers may be called otherwise."""
        other = [name for name in self.also_called if name in table.columns and columns.label is not None]
        return columns.model_copy(update={"label": other[0]}) if other else columns

    def suits(self, facts: Facts, nested: Nested | None, *, of_words: bool) -> str | None:
        """Why a column must be read as this kind and no other, for the line that tells of it; None when it need not.

        Args:
            facts: of the column.
            nested: its lists and objects.
            of_words: whether the text column holds lists, mostly of words.
        """
        del facts, nested, of_words
        return None

    def reads(self, table: Table, columns: Columns) -> str | None:
        """Why a file must be read as this kind, by what stands beside the answers; None when it need not."""
        del table, columns
        return None

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """Names of the answers, from the files; of the outputs where answers have no names.

        Raises:
            DataError: E-LABEL with everything that is wrong with the answers.
        """
        raise NotImplementedError

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Check a further file against what was learned.

        Raises:
            DataError: E-LABEL.
        """
        raise NotImplementedError

    def check_cuttable(self, train: Labelled) -> None:
        """Check that dev or test can be cut from the file.

        Raises:
            DataError: E-LABEL.
        """
        del train

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """Answers of a batch of rows (columns text, pair where there is one, label) that was checked before."""
        raise NotImplementedError

    def blank(self, words: int) -> Any:
        """What stands on disk in the place of an answer that nobody knows, which no loss looks at; None where every text brings its own.

        Args:
            words: of the row, where rows are lists of words.
        """
        del words
        return None

    def strata(self, gold: pa.Array) -> NDArray[np.int32]:
        """A number per row; rows of equal numbers are spread evenly over the splits."""
        return np.zeros(len(gold), np.int32)

    def classes(self, gold: pa.Array) -> list[list[int]]:
        """The labels of each row, of which its words may tell something."""
        return [[stratum] for stratum in self.strata(gold).tolist()]


def answers(cells: Any) -> list[str | None]:
    """The cells of the label column, the last one."""
    texts: list[str | None] = cells.column(cells.num_columns - 1).to_pylist()
    return texts
