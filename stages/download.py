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
    names = params.get(f"corpora.{corpus}.labels", tuple[str, ...])
    relabel = params.get(f"corpora.{corpus}.relabel", tuple[int | None, ...] | None)
    if relabel is not None:
        # `labels` are the classes then, not the names of what the source holds.
        names = tuple(map(str, range(len(relabel))))
    splits, record = readers.fetch(source, names)
    recorded = RECORDS / f"{corpus}.json"
    others = files.read_json(recorded).get("pretraining_texts") if recorded.exists() else None
    if others:
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
