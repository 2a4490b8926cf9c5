"""Tables <-> parquet whose bytes repeat: an explicit schema and nothing of pandas' own.

Whole, as frames; or a chunk of rows after the other, so that memory does not grow with the rows.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unroll.files import whole_file

TOKENS = pa.list_(pa.string())
RAW = pa.schema([("row", pa.int64()), ("text", pa.string()), ("label", pa.int64())])
CLEAN = pa.schema([("row", pa.int64()), ("text", pa.string()), ("tokens", TOKENS), ("label", pa.int64())])
PHRASES = CLEAN.insert(1, pa.field("sentence", pa.int64()))

CHUNK_ROWS = 8192
# Of a file written in chunks. Of tweets 90 MB in memory; a corpus with fewer rows has one group, as
# if it had been written whole.
GROUP_ROWS = 2**18


def write_parquet(path: Path, frame: pd.DataFrame, schema: pa.Schema) -> None:
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata()
    with whole_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read with lists as Python lists of str, which pandas' own reader turns into arrays."""
    return as_frame(pq.read_table(path, columns=columns))


def as_frame(table: pa.Table) -> pd.DataFrame:
    return pd.DataFrame({name: _as_series(table[name]) for name in table.column_names})


def _as_series(column: pa.ChunkedArray) -> pd.Series:
    return (
        pd.Series(column.to_pylist(), dtype=object) if pa.types.is_list(column.type) else column.to_pandas()
    )


def as_list(column: pa.Array | pa.ChunkedArray) -> list:
    """Return the values of a column that holds no lists, 10 times as fast as `to_pylist`."""
    return column.to_numpy(zero_copy_only=False).tolist()


class Chunks:
    """The rows of a parquet file, a chunk at a time; iterating again reads them again."""

    def __init__(self, path: Path, columns: list[str] | None = None, rows: int = CHUNK_ROWS) -> None:
        self.path, self.columns, self.rows = path, columns, rows

    def __iter__(self) -> Iterator[pa.Table]:
        # Read bit by bit and without threads, which would only get in the way of a process a core.
        with pq.ParquetFile(self.path, buffer_size=2**20) as file:
            for batch in file.iter_batches(self.rows, columns=self.columns, use_threads=False):
                yield pa.Table.from_batches([batch])
            if not file.metadata.num_rows:
                yield file.read(self.columns)

    def count(self) -> int:
        return pq.read_metadata(self.path).num_rows


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Yield the function that appends rows; the bytes do not depend on how many it is given at once.

    Full groups are written by a thread, of which one at most waits, so that whoever appends goes on.
    """
    with (
        whole_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
        ThreadPoolExecutor(1) as background,
    ):
        waiting = schema.empty_table()
        writing: Future | None = None

        def write_group(rows: pa.Table) -> None:
            # In one piece, because pages end where pieces do.
            writer.write_table(rows.combine_chunks())

        def append(rows: pa.Table) -> None:
            nonlocal waiting, writing
            waiting = pa.concat_tables([waiting, rows.select(schema.names).cast(schema)])
            while len(waiting) >= GROUP_ROWS:
                if writing:
                    writing.result()
                writing = background.submit(write_group, waiting.slice(0, GROUP_ROWS))
                waiting = waiting.slice(GROUP_ROWS)

        yield append
        if writing:
            writing.result()
        if len(waiting) or not writing:
            write_group(waiting)
