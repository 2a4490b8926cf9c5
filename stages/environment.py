"""Check all of params.yaml and put on record what else decides the results on this machine."""

from pathlib import Path

from unroll import environment, files
from unroll.failures import told_plainly


def main() -> None:
    environment.pin()
    from unroll import catalogue, vectors

    whole = catalogue.load()
    device = environment.choose_device(whole.device)
    named = vectors.of_networks(whole.select.networks, whole.networks, whole.vectors)
    folder = Path("data/environment")
    files.write_json(folder / "text.json", environment.text_record())
    files.write_json(folder / "training.json", environment.training_record(device))
    files.write_json(folder / "vectors.json", vectors.as_document(named))


if __name__ == "__main__":
    with told_plainly():
        main()
