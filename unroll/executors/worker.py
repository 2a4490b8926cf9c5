"""One stage after the other, in a clone of its own: `python -m unroll.executors.worker CACHE`.

A request is a line of JSON on standard input, an answer one on standard output: how far the stage is,
and at last how it ended. When standard input ends, so does the stage that runs, as if by Ctrl-C.
DVC keeps what it fetches in the folder CACHE, which the workers of a node share.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from unroll import environment, files
from unroll.executors.local import own_python_first
from unroll.pipeline import lock_text, warm
from unroll.progress import FILE_VARIABLE

LOOK_SECONDS = 0.5
PARAMS, LOCK, TIMES = Path("params.yaml"), Path("dvc.lock"), Path(".unroll/times")
CONFIG_FOLDER = ".dvc"
LOG_CHARACTERS = 1_000_000
"""As much of a log as is sent: its end."""


def main(cache: str) -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what else is printed is no answer
    requests = sys.stdin.buffer.raw  # which reads nothing ahead, so that its end is seen

    def answer(said: dict) -> None:
        answers.write(json.dumps(said) + "\n")
        answers.flush()

    while line := requests.readline():
        request = json.loads(line)
        with tempfile.TemporaryDirectory() as folder:
            if not carry_out(request, cache, Path(folder), answer):
                return


def carry_out(request: dict, cache: str, folder: Path, answer: Callable[[dict], None]) -> bool:
    """Run the stage of one request and answer; return False if it was told to end before."""
    lay_out(request)
    log, progress, outcome = folder / "log", folder / "progress", folder / "outcome.json"
    shutil.rmtree(TIMES, ignore_errors=True)
    variables = own_python_first() | request["variables"] | {FILE_VARIABLE: str(progress)}
    arguments = (request, cache, str(outcome), str(log), os.getcwd(), variables)
    process = warm.prepare().Process(target=run_stage, args=arguments)
    process.start()
    try:
        told_to_end = not follow(process, progress, answer)
    except BrokenPipeError:  # who asked has gone between two looks
        told_to_end = True
    if told_to_end:
        warm.stop([process])
        return False
    process.join()
    if process.exitcode != 0:
        warm.stop([process])  # it may have been killed, and not what it started
    found = files.read_json(outcome) if outcome.exists() else {}
    end = {"end": "failed", "why": f"ended with {process.exitcode}"} | found
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    times = {path.name: path.read_text(encoding="utf-8") for path in sorted(TIMES.glob("*.json"))}
    answer(end | {"log": said[-LOG_CHARACTERS:], "times": times})
    return True


def follow(process: BaseProcess, progress: Path, answer: Callable[[dict], None]) -> bool:
    """Tell how far a stage is until it has ended; return False once whoever asked is gone or wants an end."""
    shown = ""
    while process.sentinel not in (ready := connection.wait([process.sentinel, 0], LOOK_SECONDS)):
        if 0 in ready:
            return False
        line = progress.read_text(encoding="utf-8") if progress.exists() else ""
        if line != shown:
            shown = line
            answer({"line": line})
    return True


def lay_out(request: dict) -> None:
    """Write the parameters, and of dvc.lock what the stages say that this one needs."""
    if not PARAMS.exists() or PARAMS.read_text(encoding="utf-8") != request["params"]:
        files.write_text(PARAMS, request["params"])
    files.write_text(LOCK, lock_text.HEAD + "".join(request["entries"].values()))


def run_stage(
    request: dict, cache: str, outcome: str, log: str, folder: str, variables: dict[str, str]
) -> None:
    """Run one stage through DVC, between the remote and the remote, and write how it ended to `outcome`."""
    warm.settle(log, folder, variables)
    if unfit := list(differences(request["environment"])):
        files.write_json(Path(outcome), {"end": "unfit", "why": "; ".join(unfit)})
        sys.exit(1)
    from unroll.executors import exchange
    from unroll.pipeline import dvc_process

    point_to(request["remote"], cache)
    name, needs = request["stage"], request["entries"].keys()
    with dvc_process.told_to_log() as failures, dvc_process.repository(warm.run_command) as repo:
        [stage] = exchange.load(repo, [name])
        exchange.bring_deps(repo, stage, exchange.load(repo, needs))
        # Of the run-cache `repro --pull` would fetch all: thousands of runs that are not of this stage.
        repo.stage_cache.pull = lambda _: exchange.fetch_runs(repo, exchange.known_runs(repo, stage))
        repo.reproduce(name, single_item=True, pull=True)
        [stage] = exchange.load(repo, [name])
        run = exchange.run_of(stage)
        exchange.send_outs(repo, [stage])
        exchange.send_run(repo, run)
        end = {"end": "done", "run": run, "entry": (lock_text.blocks(LOCK) or {})[name]}
        files.write_json(Path(outcome), end)
    sys.exit(dvc_process.FAILED if failures else 0)


def point_to(remote: dict, cache: str) -> None:
    """Tell DVC in this clone where the remote is, and where the node keeps its cache."""
    from dvc.config import Config

    with Config(dvc_dir=CONFIG_FOLDER).edit("local") as local:
        local["core"]["remote"] = remote["name"]
        local["cache"]["dir"] = cache
        local["remote"] = {remote["name"]: remote["options"]}


def differences(recorded: dict[str, dict]) -> Iterator[str]:
    """Say in what the packages and the device here are others than those on record.

    The results would be others too, and under the same entry of dvc.lock.
    """
    if not recorded:
        return
    from unroll import records

    device = recorded["training.json"]["device"]
    try:
        here = records.of_machine(environment.choose_device(device))
    except Exception as error:  # a package or a device that is not there at all
        yield str(error)
        return
    for name, wanted in recorded.items():
        for key in sorted(wanted.keys() | here[name].keys()):
            if wanted.get(key) != here[name].get(key):
                yield f"{key} is {here[name].get(key)}, not {wanted.get(key)}"


if __name__ == "__main__":
    main(sys.argv[1])
