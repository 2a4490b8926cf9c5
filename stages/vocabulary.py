"""data/clean/<corpus> -> data/vocabulary/<corpus>/: vocabulary.txt and the encoded splits.

Phrases of the training trees, where there are any, are encoded too (train/phrases/), not counted.
"""

import sys
from pathlib import Path

from unroll import files
from unroll.failures import told_plainly
from unroll.frames import Chunks
from unroll.lexicon.encoding import count_tokens, save_split
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.params import SPLITS, Params

COLUMNS = ["row", "tokens", "label"]


def main(corpus: str) -> None:
    rules = Params().get(f"corpora.{corpus}.vocabulary", VocabularyRules)
    source = Path("data/clean") / corpus
    clean = {split: Chunks(source / f"{split}.parquet", COLUMNS) for split in SPLITS}
    vocabulary = Vocabulary.of_counts(count_tokens(clean["train"]), rules)
    with files.whole_folder(Path("data/vocabulary") / corpus) as folder:
        vocabulary.save(folder / "vocabulary.txt")
        for split, chunks in clean.items():
            save_split(folder / split, vocabulary, chunks)
        if (source / "phrases.parquet").exists():
            phrases = Chunks(source / "phrases.parquet", [*COLUMNS, "sentence"])
            save_split(folder / "train/phrases", vocabulary, phrases)


if __name__ == "__main__":
    with told_plainly():
        main(sys.argv[1])
