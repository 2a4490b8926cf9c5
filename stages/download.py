"""Source -> data/raw/<corpus>/{train,validation,test}.parquet and source.json.

further.parquet beside them holds texts of other corpora, where the corpus names some.
"""

from pathlib import Path

from unroll import files, frames
from unroll.corpora import further, readers, sources
from unroll.params import Name, Params, parse
from unroll.stage import as_stage

RECORDS = Path("data/environment/corpora")


def main(corpus: str) -> None:
    params = Params()
    source = params.get(f"corpora.{corpus}.source", sources.Source)
    labels = params.get(f"corpora.{corpus}.labels", tuple[str, ...])
    relabel = params.get(f"corpora.{corpus}.relabel", tuple[int | None, ...] | None)
    splits, record = readers.fetch(source, sources.label_names(labels, relabel))
    recorded = RECORDS / f"{corpus}.json"
    if others := files.read_json(recorded).get("pretraining_texts"):
        label = next(number for number, to in enumerate(relabel or (0,)) if to is not None)
        known = parse(others, dict[Name, sources.FurtherTexts], "pretraining_texts", recorded)
        splits["further"], record["pretraining_texts"] = further.fetch(known, label)
    with files.whole_folder(Path("data/raw") / corpus) as folder:
        for split, frame in splits.items():
            frames.write_parquet(folder / f"{split}.parquet", frame, frames.RAW)
        files.write_json(folder / "source.json", record)


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
