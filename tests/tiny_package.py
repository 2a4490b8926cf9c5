"""A package of word vectors, as if it were installed."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unroll.files import sha256_of
from unroll.lexicon.vectors import PackageFile, PackageSource


def install(folder: Path, monkeypatch, words: list[str], vectors: np.ndarray) -> PackageSource:
    """Put `invented-words` 1.0.0 on the path; its vectors are those of the words, one row each."""
    monkeypatch.syspath_prepend(folder)
    record = folder / "invented_words-1.0.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: invented-words\nVersion: 1.0.0\n")
    np.save(folder / "invented.npy", vectors)
    pq.write_table(pa.table({"index": words}), folder / "invented.parquet")
    return PackageSource(
        kind="package",
        package="invented-words",
        version="1.0.0",
        vectors=PackageFile(file="invented.npy", sha256=sha256_of(folder / "invented.npy")),
        words=PackageFile(file="invented.parquet", sha256=sha256_of(folder / "invented.parquet")),
        licence="none",
        citation="nobody",
    )
