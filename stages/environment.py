"""Check all of params.yaml and put on record what else decides the results on this machine."""

import shutil
from pathlib import Path

from unroll import environment, files
from unroll.stage import as_stage


def main() -> None:
    environment.pin()
    from unroll import catalogue, records

    whole = catalogue.load()
    folder = Path("data/environment")
    wanted = records.of(whole, environment.choose_device(whole.device))
    shutil.rmtree(folder / "corpora", ignore_errors=True)  # of corpora that are selected no more
    for name, record in wanted.items():
        files.write_json(folder / name, record)


if __name__ == "__main__":
    with as_stage():
        main()
