"""Parquet: columns of any type, read batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from leantune.data.intake import Format, Intake
from leantune.data.table import CHUNK_ROWS, Chunk


def read(intake: Intake) -> Iterator[Chunk]:
    """Chunks of a Parquet file; text columns are never decoded to Python."""
    try:
        with pq.ParquetFile(intake.path) as file:
            names = file.schema_arrow.names
            if len(set(names)) < len(names):
                intake.problems.add("a column name stands there twice. Rename one of them.", "E-COLUMN")
                return
            if file.metadata.num_rows == 0:
                intake.problems.add("the file has no rows.", "E-FORMAT")
                return
            for batch in file.iter_batches(batch_size=CHUNK_ROWS):
                yield {name: batch.column(name).to_pylist() for name in batch.schema.names}
    except (pa.ArrowException, OSError) as error:
        intake.problems.add(f"not a whole Parquet file ({str(error).splitlines()[0].rstrip('.')}). Write it again.", "E-FORMAT")


MEMBER = Format((".parquet", ".pq"), read, binary=True)
