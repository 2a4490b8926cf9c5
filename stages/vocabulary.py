"""data/clean/<corpus> -> data/vocabulary/<corpus>/: vocabulary.txt and the encoded splits."""

import sys
from pathlib import Path

from unroll import files, frames
from unroll.failures import told_plainly
from unroll.params import Params
from unroll.vocabulary import Vocabulary, VocabularyRules, save_encoded

SPLITS = ("train", "validation", "test")


def main(corpus: str) -> None:
    rules = Params().get(f"corpora.{corpus}.vocabulary", VocabularyRules)
    clean = {
        split: frames.read_parquet(
            Path("data/clean") / corpus / f"{split}.parquet", ["row", "tokens", "label"]
        )
        for split in SPLITS
    }
    vocabulary = Vocabulary.build(clean["train"]["tokens"], rules)
    with files.whole_folder(Path("data/vocabulary") / corpus) as folder:
        vocabulary.save(folder / "vocabulary.txt")
        for split, frame in clean.items():
            save_encoded(folder / split, vocabulary, frame["row"], frame["tokens"], frame["label"])


if __name__ == "__main__":
    with told_plainly():
        main(sys.argv[1])
