"""What the library does to chunks of files, done to frames and lists."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from unroll import frames
from unroll.lexicon.encoding import Draft
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.text import cleaning
from unroll.text.tokenization import TextRules


@dataclass(frozen=True)
class CleanedFrames:
    splits: dict[str, pd.DataFrame]
    phrases: pd.DataFrame | None
    tokenizer: str | None
    profile: dict


def clean(
    raw: dict[str, pd.DataFrame],
    rules: TextRules,
    labels: tuple[str, ...],
    relabel: tuple[int | None, ...] | None,
    chunk_rows: int = frames.CHUNK_ROWS,
    processes: int = 1,
) -> CleanedFrames:
    kept = {split: [frames.CLEAN.empty_table()] for split in raw}
    found = cleaning.clean(
        {split: chunks(frame, chunk_rows) for split, frame in raw.items()},
        {split: lambda rows, split=split: kept[split].append(rows) for split in raw},
        rules,
        labels,
        relabel,
        processes,
    )
    splits = {
        split: frames.as_frame(pa.concat_tables(table.select(frames.CLEAN.names) for table in tables))
        for split, tables in kept.items()
    }
    return CleanedFrames(splits, found.phrases, found.tokenizer, found.profile)


def chunks(frame: pd.DataFrame, rows: int, schema: pa.Schema = frames.RAW) -> list[pa.Table]:
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    return [table.slice(start, rows) for start in range(0, len(table), rows)]


def save_encoded(
    folder: Path, vocabulary: Vocabulary, rows, tokens, labels, sentences=None, chunk_rows: int = 3
) -> None:
    columns = {"row": list(rows), "tokens": pa.array(list(tokens), frames.TOKENS), "label": list(labels)}
    if sentences is not None:
        columns["sentence"] = list(sentences)
    schema = pa.schema([(name, frames.TOKENS if name == "tokens" else pa.int64()) for name in columns])
    table = pa.table(columns, schema=schema)
    # A table without rows has one chunk of none.
    starts = range(0, max(len(table), 1), chunk_rows)
    Draft([table.slice(start, chunk_rows) for start in starts]).save(folder, vocabulary)


def encode_corpus(folder: Path, splits: dict[str, list[list[str]]]) -> None:
    """Write what the stage `vocabulary` does of rows of tokens, for the words that training has twice."""
    vocabulary = Vocabulary.build(splits["train"], VocabularyRules(min_count=2))
    folder.mkdir(parents=True)
    vocabulary.save(folder / "vocabulary.txt")
    for split, rows in splits.items():
        save_encoded(folder / split, vocabulary, range(len(rows)), rows, [0] * len(rows))
