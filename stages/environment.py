"""Check all of params.yaml and put on record what else decides the results on this machine."""

from pathlib import Path

from unroll import environment, files, tables
from unroll.failures import told_plainly


def main() -> None:
    environment.pin()
    from unroll import catalogue

    whole = catalogue.load()
    device = environment.choose_device(whole.device)
    folder = Path("data/environment")
    files.write_json(folder / "text.json", environment.text_record())
    files.write_json(folder / "training.json", environment.training_record(device))
    # dvc.yaml cannot name the files of one's own that params.yaml names: their checksums stand for them.
    with files.whole_folder(folder / "corpora") as records:
        for name in whole.select.corpora:
            source = whole.corpora[name].source
            files.write_json(records / f"{name}.json", tables.checksums(source, f"corpora.{name}.source"))


if __name__ == "__main__":
    with told_plainly():
        main()
