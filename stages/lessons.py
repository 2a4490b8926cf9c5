"""data/tutors/<corpus> -> data/lessons/<corpus>/<network>/: what the network's tutor makes of the rows.

A folder a network, so that none trains again because another has a tutor. Of a network without one its
record says so.
"""

import shutil
from pathlib import Path

from unroll import files
from unroll.distillation import opinions
from unroll.params import Name, parse
from unroll.stage import as_stage

RECORD = Path("data/environment/lessons.json")


def main(corpus: str) -> None:
    lessons = parse(files.read_json(RECORD), dict[Name, Name | None], "", RECORD)
    with files.whole_folder(Path("data/lessons") / corpus) as folder:
        for network, tutor in lessons.items():
            if tutor is None:
                (folder / network).mkdir()
                files.write_json(folder / network / opinions.TUTOR, {"tutor": None})
            else:
                shutil.copytree(Path("data/tutors") / corpus / tutor, folder / network)


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
