"""Training as it goes, in MLflow: `python -m unroll.tracking.live CORPUS NETWORK SEED`, epochs on stdin.

One line of JSON an epoch, {"epoch": 1, "train_loss": 1.5}, then {"end": "FINISHED"} or {"end": "FAILED"};
lines that just end were those of a training that was killed. Each training is a run in the experiment
"<corpus> live", also one that goes on from a checkpoint. What dvc.lock says is in another experiment
(tracking.py), which is the truth and knows nothing of this one.
"""

import json
import signal
import sys
import time
from collections.abc import Iterable

from unroll.tracking.client import NOTE, Tracker, address, commit, without_password
from unroll.tracking.imports import Metric
from unroll.tracking.projection import metric_name

SUFFIX = " live"
"""No name of a corpus has a space in it."""


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


def _begin(tracker: Tracker, corpus: str, network: str, seed: str) -> str:
    name = f"{corpus}{SUFFIX}"
    experiment = tracker.experiments().get(name)
    if experiment is None:
        about = f"Trainings on {corpus} as they go. The results are in the experiment {corpus}."
        experiment = tracker.make_experiment(name, {"unroll.source": "training", NOTE: about})
    elif experiment.lifecycle_stage == "deleted":
        tracker.client.restore_experiment(experiment.experiment_id)
    tags = {"corpus": corpus, "network": network, "seed": seed, "level": "live", NOTE: "No result yet."}
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
