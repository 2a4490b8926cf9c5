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

from unroll.failures import Refusal, damaged
from unroll.files import whole_file

TOKENS = pa.list_(pa.string())
RAW = pa.schema([("row", pa.int64()), ("text", pa.string()), ("label", pa.int64())])
CLEAN = pa.schema([("row", pa.int64()), ("text", pa.string()), ("tokens", TOKENS), ("label", pa.int64())])
PHRASES = CLEAN.insert(1, pa.field("sentence", pa.int64()))
KINDS = {field.name: field.type for field in PHRASES}
"""Of every column that stages hand on; predictions have others."""

# A page is as it was written or it is refused; without sums a flipped bit can be another word.
WRITTEN = {"compression": "zstd", "write_page_checksum": True}
READ = {"page_checksum_verification": True}
CHUNK_ROWS = 8192
# Of a file written in chunks. Of tweets 90 MB in memory; a corpus with fewer rows has one group, as
# if it had been written whole.
GROUP_ROWS = 2**18


def write_parquet(path: Path, frame: pd.DataFrame, schema: pa.Schema) -> None:
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata()
    with whole_file(path) as temporary:
        pq.write_table(table, temporary, **WRITTEN)


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read with lists as Python lists of str, which pandas' own reader turns into arrays.

    Raises:
        Refusal: the file is missing, damaged or no parquet.
    """
    with _readable(path):
        table = pq.read_table(path, columns=columns, **READ)
        table.validate(full=True)
    return as_frame(table)


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

    def __init__(self, path: Path, columns: list[str], rows: int = CHUNK_ROWS) -> None:
        self.path, self.columns, self.rows = path, columns, rows

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield tables of these columns.

        Raises:
            Refusal: the file is missing, damaged, no parquet, or has not these columns.
        """
        # Read bit by bit and without threads, which would only get in the way of a process a core.
        with _readable(self.path), pq.ParquetFile(self.path, buffer_size=2**20, **READ) as file:
            kinds = {field.name: field.type for field in file.schema_arrow}
            for name in self.columns:
                if kinds.get(name) != KINDS[name]:
                    raise pa.ArrowInvalid(f"no column {name} of {KINDS[name]}")
            for batch in file.iter_batches(self.rows, columns=self.columns, use_threads=False):
                batch.validate(full=True)
                yield pa.Table.from_batches([batch])
            if not file.metadata.num_rows:
                yield file.read(self.columns)

    def count(self) -> int:
        with _readable(self.path):
            return pq.read_metadata(self.path).num_rows


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: run dvc repro") from None
    except PermissionError as error:
        error.filename = str(path)
        raise
    except (pa.ArrowException, OSError) as error:  # so does Arrow call what is damaged
        raise damaged(path, error) from None


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Yield the function that appends rows; the bytes do not depend on how many it is given at once.

    Full groups are written by a thread, of which one at most waits, so that whoever appends goes on.
    """
    with (
        whole_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, **WRITTEN) as writer,
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
