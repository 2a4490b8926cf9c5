"""data/opinions/<corpus> -> data/ensembles/<corpus>/<name>/{train.npy, weights.json}."""

from pathlib import Path

from unroll import environment
from unroll.stage import as_stage


def main(corpus: str) -> None:
    environment.pin()  # before numpy: one thread, so that sums come out the same
    from unroll import arrays, files
    from unroll.distillation import ensembles, opinions
    from unroll.distillation.spec import Ensemble
    from unroll.params import Name, Params, Seed

    params = Params()
    known = params.get("ensembles", dict[Name, Ensemble])
    networks = params.get("select.networks", tuple[Name, ...])
    seeds = params.get("select.seeds", tuple[Seed, ...])
    labels_N = arrays.load(Path("data/vocabulary") / corpus / "validation/labels.npy", "<i8")
    with files.whole_folder(Path("data/ensembles") / corpus) as folder:
        for name, ensemble in known.items():
            if ensemble.is_among(networks):
                found = ensembles.of(Path("data/opinions") / corpus, ensemble.networks, seeds, labels_N)
                (folder / name).mkdir()
                opinions.save(folder / name, opinions.TRAIN, found.train_NC)
                files.write_json(folder / name / "weights.json", found.document)


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
