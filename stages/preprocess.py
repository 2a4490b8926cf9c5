"""data/raw/<corpus> -> data/clean/<corpus>/{train,validation,test}.parquet and profile.json."""

import sys
from pathlib import Path

from unroll import cleaning, files, frames
from unroll.failures import told_plainly
from unroll.params import Params
from unroll.text import TextRules

SPLITS = ("train", "validation", "test")


def main(corpus: str) -> None:
    params = Params()
    raw = {split: frames.read_parquet(Path("data/raw") / corpus / f"{split}.parquet") for split in SPLITS}
    cleaned, profile = cleaning.clean(
        raw,
        rules=params.get(f"corpora.{corpus}.text", TextRules),
        labels=params.get(f"corpora.{corpus}.labels", tuple[str, ...]),
        relabel=params.get(f"corpora.{corpus}.relabel", tuple[int | None, ...] | None),
    )
    with files.whole_folder(Path("data/clean") / corpus) as folder:
        for split, frame in cleaned.items():
            frames.write_parquet(folder / f"{split}.parquet", frame, frames.CLEAN)
        files.write_json(folder / "profile.json", profile)


if __name__ == "__main__":
    with told_plainly():
        main(sys.argv[1])
