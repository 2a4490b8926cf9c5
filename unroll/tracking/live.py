"""Training as it goes, in MLflow: `python -m unroll.tracking.live CORPUS NETWORK SEED`, epochs on stdin.

One line of JSON an epoch, {"epoch": 1, "train_loss": 1.5}, then {"end": "FINISHED"} or {"end": "FAILED"};
lines that just end were those of a training that was killed. Each training is a run in the experiment
"<corpus> live", also one that goes on from a checkpoint. What dvc.lock says is in another experiment
(tracker.py), which is the truth and knows nothing of this one.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable

from unroll import processes
from unroll.tracking.client import NOTE, Tracker, all_pages, commit
from unroll.tracking.imports import Metric, Run
from unroll.tracking.place import address, without_password
from unroll.tracking.projection import metric_name

SUFFIX = " live"
"""No name of a corpus has a space in it."""
HOST, PID, STARTED = "process.host", "process.id", "process.started"
"""Tags: who fills a run. A number alone may go to another process, also after a restart."""


def show(tracker: Tracker, corpus: str, network: str, seed: str, lines: Iterable[str]) -> None:
    """Show one training until its lines end.

    Raises:
        Refusal: the database or server cannot be used.
        ValueError: a line is not JSON.
    """
    with tracker.alone():
        run_id = _begin(tracker, corpus, network, seed)
    status = "KILLED"
    try:
        for line in lines:
            message = json.loads(line)
            if "end" in message:
                status = message["end"]
                break
            _log(tracker, run_id, message)
    finally:
        tracker.client.set_terminated(run_id, status)


def close_lost(tracker: Tracker) -> None:
    """Close as KILLED the runs of trainings whose process on this machine has ended without a word."""
    ours = [one.experiment_id for name, one in tracker.experiments().items() if name.endswith(SUFFIX)]
    search = tracker.client.search_runs
    # A list first: to close a run amid the pages would shift those that follow.
    running = all_pages(lambda token: search(ours, "attributes.status = 'RUNNING'", page_token=token))
    for run in list(running) if ours else []:
        if _is_lost(run):
            tracker.client.set_terminated(run.info.run_id, "KILLED")


def _is_lost(run: Run) -> bool:
    tags = run.data.tags
    if tags.get(HOST) != socket.gethostname():
        return False  # whether it lives cannot be told from here
    return str(processes.started(int(tags[PID]))) != tags[STARTED]


def _begin(tracker: Tracker, corpus: str, network: str, seed: str) -> str:
    name = f"{corpus}{SUFFIX}"
    experiment = tracker.experiments().get(name)
    if experiment is None:
        about = f"Trainings on {corpus} as they go. The results are in the experiment {corpus}."
        experiment = tracker.make_experiment(name, {"unroll.source": "training", NOTE: about})
    elif experiment.lifecycle_stage == "deleted":
        tracker.client.restore_experiment(experiment.experiment_id)
    tags = {"corpus": corpus, "network": network, "seed": seed, "level": "live", NOTE: "No result yet."}
    tags |= {HOST: socket.gethostname(), PID: str(os.getpid()), STARTED: str(processes.started(os.getpid()))}
    head = commit()
    if head:
        tags["mlflow.source.git.commit"] = head
    run = tracker.client.create_run(experiment.experiment_id, tags=tags, run_name=f"{network} seed {seed}")
    return run.info.run_id


def _log(tracker: Tracker, run_id: str, message: dict) -> None:
    epoch, now = message.pop("epoch"), int(time.time() * 1000)
    metrics = [Metric(metric_name(name), value, now, epoch) for name, value in message.items()]
    tracker.client.log_batch(run_id, [metric for metric in metrics if metric.value is not None])


def main(corpus: str, network: str, seed: str) -> None:
    # Ctrl-C reaches the training too: its lines end, and with them this.
    for interruption in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interruption, signal.SIG_IGN)
    try:
        show(Tracker(address()), corpus, network, seed, sys.stdin)
    except Exception as error:  # whatever it is, the training must not suffer from it
        said = without_password(" ".join(str(error).split())) or type(error).__name__
        print(f"UNROLL_LIVE: {corpus} {network} {seed} is not shown in MLflow: {said}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
