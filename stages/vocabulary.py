"""data/clean/<corpus> -> data/vocabulary/<corpus>/: vocabulary.txt and the encoded splits.

Phrases of the training trees and texts of other corpora, where there are any, are encoded too
(train/phrases/, train/further/), not counted.
"""

from pathlib import Path

from unroll import files
from unroll.failures import Refusal
from unroll.frames import Chunks
from unroll.lexicon.encoding import Draft
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.params import Params
from unroll.stage import as_stage

COLUMNS = ["row", "tokens", "label"]
CHUNK_ROWS = 2**16
"""Of 1.6 million tweets the distinct words of such chunks are a third of those of frames.CHUNK_ROWS."""


def main(corpus: str) -> None:
    rules = Params().get(f"corpora.{corpus}.vocabulary", VocabularyRules)
    source = Path("data/clean") / corpus
    train = Draft(_chunks(source / "train.parquet"))
    vocabulary = Vocabulary.of_counts(train.counts(), rules)
    if vocabulary.is_empty:
        most = max(train.counts().values(), default=0)
        raise Refusal(
            f"corpora.{corpus}.vocabulary.min_count is {rules.min_count}, but no word stands more than "
            f"{most} times in the training split: lower it"
        )
    with files.whole_folder(Path("data/vocabulary") / corpus) as folder:
        vocabulary.save(folder / "vocabulary.txt")
        train.save(folder / "train", vocabulary)
        for split in ("validation", "test"):
            Draft(_chunks(source / f"{split}.parquet")).save(folder / split, vocabulary)
        if (source / "further.parquet").exists():
            Draft(_chunks(source / "further.parquet")).save(folder / "train/further", vocabulary)
        if (source / "phrases.parquet").exists():
            phrases = _chunks(source / "phrases.parquet", "sentence")
            Draft(phrases).save(folder / "train/phrases", vocabulary)


def _chunks(path: Path, *more: str) -> Chunks:
    return Chunks(path, [*COLUMNS, *more], CHUNK_ROWS)


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
