"""data/raw/<corpus> -> data/clean/<corpus>/: the splits, profile.json, and where the corpus has them

- further.parquet: texts of other corpora, without labels of their own
- phrases.parquet: the labelled phrases of the training split, of a corpus of trees
- tokenizer.json: the pieces that bpe or wordpiece learned from the training split
"""

from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa

from unroll import files, frames
from unroll.params import SPLITS, Params
from unroll.progress import Display, RowClock
from unroll.stage import as_stage
from unroll.text import cleaning, workers
from unroll.text.cleaning import FURTHER
from unroll.text.tokenization import TextRules


def main(corpus: str) -> None:
    # Arrow's own pool hands memory back and asks for it again with every chunk: a tenth of the time.
    pa.set_memory_pool(pa.system_memory_pool())
    params = Params()
    source = Path("data/raw") / corpus
    parts = (*SPLITS, FURTHER) if (source / f"{FURTHER}.parquet").exists() else SPLITS
    raw = {part: frames.Chunks(source / f"{part}.parquet", frames.RAW.names) for part in parts}
    rows = sum(chunks.count() for chunks in raw.values())
    with ExitStack() as stack:
        folder = stack.enter_context(files.whole_folder(Path("data/clean") / corpus))
        display = stack.enter_context(Display(f"preprocess {corpus}"))
        keep = {
            part: stack.enter_context(frames.parquet_writer(folder / f"{part}.parquet", frames.CLEAN))
            for part in raw
        }
        cleaned = cleaning.clean(
            raw,
            keep,
            rules=params.get(f"corpora.{corpus}.text", TextRules),
            labels=params.get(f"corpora.{corpus}.labels", tuple[str, ...]),
            relabel=params.get(f"corpora.{corpus}.relabel", tuple[int | None, ...] | None),
            processes=workers.processes_for(rows),
            advance=RowClock(rows, display).add,
        )
        if cleaned.phrases is not None:
            frames.write_parquet(folder / "phrases.parquet", cleaned.phrases, frames.PHRASES)
        if cleaned.tokenizer is not None:
            files.write_text(folder / "tokenizer.json", cleaned.tokenizer)
        files.write_json(folder / "profile.json", cleaned.profile)


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
