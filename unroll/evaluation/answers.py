"""How the answers to a test split are written: one row a seed and test row."""

import pyarrow as pa


def predictions_schema(classes: int) -> pa.Schema:
    """Return seed, row, label, p_0 .. p_C-1."""
    fixed = [("seed", pa.int64()), ("row", pa.int64()), ("label", pa.int64())]
    return pa.schema(fixed + [(f"p_{index}", pa.float64()) for index in range(classes)])
