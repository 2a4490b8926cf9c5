"""How long each training took on this machine: no result, since it does not repeat, but worth a look."""

import json
from pathlib import Path

from unroll import files


def as_script(folder: Path, documents: list[dict]) -> str:
    """Return the times that lie in `folder` of the trainings that these comparisons are about.

    A script, because a page that was opened as a file may load scripts beside it, but no JSON.
    """
    found: dict[str, dict] = {}
    for document in documents:
        for network in (network for task in document["tasks"] for network in task["networks"]):
            for seed in document["seeds"]:
                path = folder / f"{document['corpus']}-{network['name']}-{seed}.json"
                if path.exists():
                    taken = files.read_json(path)
                    found.setdefault(document["corpus"], {}).setdefault(network["name"], {})[str(seed)] = {
                        "seconds": taken["seconds"]["loop"],
                        "tokens_per_second": taken["tokens_per_second"],
                    }
    return f"window.unrollTimes = {json.dumps(found)};\n"
