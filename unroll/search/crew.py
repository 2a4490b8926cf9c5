"""Trainings at once, each in a process of its own that has imported torch under the pinned environment."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from unroll import environment
from unroll.failures import Refusal
from unroll.search.course import Train
from unroll.search.trainer import Job, Trained
from unroll.stage import end_with


@contextmanager
def at_work(train: Callable[[Job], Trained], processes: int) -> Iterator[Train]:
    """Yield what trains jobs in so many processes, which end with the block, at once if it fails.

    A training that is ended so goes on from its last checkpoint when its job comes again.

    Raises:
        Refusal: as `train` does; or one of the processes was killed.
    """
    # Not forked: this process has imported torch, perhaps with other kernels, and perhaps asked a GPU.
    os.environ.update(environment.PINNED)
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=end_with, initargs=(os.getpid(),)
    )

    def mapped(jobs: list[Job]) -> Iterator[Trained]:
        # Ctrl-C is for this process alone: what is started while it is held off never hears it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return executor.map(train, jobs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield mapped
    except BaseException as error:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        if isinstance(error, BrokenProcessPool):
            words = (
                "a training was killed, perhaps for memory: run it again to go on, with --jobs 1 if need be"
            )
            raise Refusal(words) from None
        raise
    finally:
        executor.shutdown(cancel_futures=True)
