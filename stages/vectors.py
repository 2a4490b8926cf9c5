"""data/vocabulary/<corpus> -> data/vectors/<corpus>/<network>/: the vectors of a corpus's words.

training/ is what a network learns with, test/ what only its evaluation may read.
"""

from pathlib import Path

from unroll import arrays, files
from unroll.lexicon import encoded_words, vector_tables
from unroll.lexicon.vector_tables import Table
from unroll.lexicon.vectors import EncoderSource, NetworkVectors, VectorsSource
from unroll.lexicon.vocabulary import SPECIAL, Vocabulary, read_unseen
from unroll.params import parse
from unroll.stage import as_stage

RECORD = Path("data/environment/vectors.json")


def main(corpus: str) -> None:
    networks = parse(files.read_json(RECORD), NetworkVectors, "", RECORD)
    words = read_words(Path("data/vocabulary") / corpus)
    sources = {name: source for chosen in networks.values() for name, source in chosen}
    tables = {name: read(name, source, words) for name, source in sources.items()}
    test = {"test": words.pop("test")}
    with files.whole_folder(Path("data/vectors") / corpus) as folder:
        for network, chosen in networks.items():
            own = {name: tables[name] for name, _ in chosen}
            write(folder / network / "training", own, words)
            write(folder / network / "test", own, test)


def read_words(data: Path) -> dict[str, list[str | None]]:
    """Return the vocabulary in the order of its ids, and of each split the words without an id."""
    tokens = list(Vocabulary.load(data / "vocabulary.txt").counts)[len(SPECIAL) :]
    words = {"vocabulary": [*(None for _ in SPECIAL), *tokens]}
    folders = {"train": "train", "validation": "validation"}
    optional = {"phrases": "train/phrases", "further": "train/further"}
    for part, name in (folders | optional | {"test": "test"}).items():
        if part not in optional or (data / name).exists():
            words[part] = read_unseen(data / name)
    return words


def read(name: str, source: VectorsSource, words: dict[str, list[str | None]]) -> Table:
    parts = {part: {*entries} - {None} for part, entries in words.items()}
    if isinstance(source, EncoderSource):
        return encoded_words.read(name, source, parts)
    return vector_tables.read(name, source, set().union(*parts.values()))


def write(folder: Path, tables: dict[str, Table], words: dict[str, list[str | None]]) -> None:
    """Write vectors.json and, where there are tables, a matrix for each part of the words."""
    found = {}
    folder.mkdir(parents=True)
    for part, entries in words.items() if tables else ():
        vectors, found[part] = vector_tables.matrix(entries, tables)
        arrays.save(folder / f"{part}.npy", vectors)
    size = sum(table.size for table in tables.values())
    files.write_json(folder / "vectors.json", {"vectors": list(tables), "size": size, "found": found})


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
