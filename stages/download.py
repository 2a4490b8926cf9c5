"""Source -> data/raw/<corpus>/{train,validation,test}.parquet and source.json."""

from pathlib import Path

from unroll import files, frames
from unroll.corpora import readers, sources
from unroll.params import Params
from unroll.stage import as_stage


def main(corpus: str) -> None:
    params = Params()
    source = params.get(f"corpora.{corpus}.source", sources.Source)
    names = params.get(f"corpora.{corpus}.labels", tuple[str, ...])
    relabel = params.get(f"corpora.{corpus}.relabel", tuple[int | None, ...] | None)
    if relabel is not None:
        # `labels` are the classes then, not the names of what the source holds.
        names = tuple(map(str, range(len(relabel))))
    splits, record = readers.fetch(source, names)
    with files.whole_folder(Path("data/raw") / corpus) as folder:
        for split, frame in splits.items():
            frames.write_parquet(folder / f"{split}.parquet", frame, frames.RAW)
        files.write_json(folder / "source.json", record)


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
