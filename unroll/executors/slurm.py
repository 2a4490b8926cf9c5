"""Requests as jobs of Slurm, by submitit: a job a stage.

The project's folder must be seen by the nodes, as submitit's own files lie in it: a job reads its
request there and writes there what its worker answers. Work itself is done in a clone on the node.
"""

import json
import socket
from pathlib import Path

from unroll import files
from unroll.executors.node import carry_out

FOLDER = Path(".unroll/slurm")
CLUSTER_VARIABLE = "UNROLL_SLURM"
"""Set to "local", the very same jobs are processes of this machine: to try them without Slurm."""
LOOK_SECONDS = 0.1
END_SECONDS = 30
"""As long as Slurm waits between telling a job to end and killing it."""


def stage(folder: str) -> None:
    """Run the request of a job's folder on the node that Slurm has chosen, and write what there is to say."""
    place = Path(folder)
    request, parcel = files.read_json(place / "request.json"), files.read_json(place / "parcel.json")
    with open(place / "answers", "a", encoding="utf-8") as stream:

        def say(said: dict) -> None:
            stream.write(json.dumps(said) + "\n")
            stream.flush()

        say({"at": socket.gethostname(), "node": socket.gethostname()})
        bundle = Path(parcel["bundle"])
        for said in carry_out(parcel["project"], parcel["commit"], bundle.read_bytes, request):
            if said:
                say(said)
