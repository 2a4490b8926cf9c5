"""data/raw/<corpus> -> data/clean/<corpus>/: the splits, profile.json, and where the corpus has them

- phrases.parquet: the labelled phrases of the training split, of a corpus of trees
- tokenizer.json: the pieces that bpe or wordpiece learned from the training split
"""

import sys
from pathlib import Path

from unroll import cleaning, files, frames
from unroll.failures import told_plainly
from unroll.params import SPLITS, Params
from unroll.text import TextRules


def main(corpus: str) -> None:
    params = Params()
    raw = {split: frames.read_parquet(Path("data/raw") / corpus / f"{split}.parquet") for split in SPLITS}
    cleaned = cleaning.clean(
        raw,
        rules=params.get(f"corpora.{corpus}.text", TextRules),
        labels=params.get(f"corpora.{corpus}.labels", tuple[str, ...]),
        relabel=params.get(f"corpora.{corpus}.relabel", tuple[int | None, ...] | None),
    )
    with files.whole_folder(Path("data/clean") / corpus) as folder:
        for split, frame in cleaned.splits.items():
            frames.write_parquet(folder / f"{split}.parquet", frame, frames.CLEAN)
        if cleaned.phrases is not None:
            frames.write_parquet(folder / "phrases.parquet", cleaned.phrases, frames.PHRASES)
        if cleaned.tokenizer is not None:
            files.write_text(folder / "tokenizer.json", cleaned.tokenizer)
        files.write_json(folder / "profile.json", cleaned.profile)


if __name__ == "__main__":
    with told_plainly():
        main(sys.argv[1])
