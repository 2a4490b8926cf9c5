"""data/clean/<corpus> -> data/vocabulary/<corpus>/: vocabulary.txt and the encoded splits.

Phrases of the training trees, where there are any, are encoded too (train/phrases/), not counted.
"""

import sys
from pathlib import Path

from unroll import files, frames
from unroll.failures import told_plainly
from unroll.params import SPLITS, Params
from unroll.vocabulary import Vocabulary, VocabularyRules, save_encoded

COLUMNS = ["row", "tokens", "label"]


def main(corpus: str) -> None:
    rules = Params().get(f"corpora.{corpus}.vocabulary", VocabularyRules)
    source = Path("data/clean") / corpus
    clean = {split: frames.read_parquet(source / f"{split}.parquet", COLUMNS) for split in SPLITS}
    vocabulary = Vocabulary.build(clean["train"]["tokens"], rules)
    with files.whole_folder(Path("data/vocabulary") / corpus) as folder:
        vocabulary.save(folder / "vocabulary.txt")
        for split, frame in clean.items():
            save_encoded(folder / split, vocabulary, frame["row"], frame["tokens"], frame["label"])
        if (source / "phrases.parquet").exists():
            frame = frames.read_parquet(source / "phrases.parquet", [*COLUMNS, "sentence"])
            columns = (frame[name] for name in ("row", "tokens", "label", "sentence"))
            save_encoded(folder / "train/phrases", vocabulary, *columns)


if __name__ == "__main__":
    with told_plainly():
        main(sys.argv[1])
