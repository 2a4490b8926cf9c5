"""Frames <-> parquet whose bytes repeat: an explicit schema and nothing of pandas' own."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unroll.files import whole_file

RAW = pa.schema([("row", pa.int64()), ("text", pa.string()), ("label", pa.int64())])
CLEAN = pa.schema(
    [("row", pa.int64()), ("text", pa.string()), ("tokens", pa.list_(pa.string())), ("label", pa.int64())]
)
PHRASES = CLEAN.insert(1, pa.field("sentence", pa.int64()))


def write_parquet(path: Path, frame: pd.DataFrame, schema: pa.Schema) -> None:
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata()
    with whole_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read with lists as Python lists of str, which pandas' own reader turns into arrays."""
    table = pq.read_table(path, columns=columns)
    frame = table.to_pandas()
    for name in table.column_names:
        if pa.types.is_list(table.schema.field(name).type):
            frame[name] = table[name].to_pylist()
    return frame
