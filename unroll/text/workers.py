"""One function over many items, by one process a core, with results in the order of the items."""

import ctypes
import multiprocessing
import os
import signal
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

PR_SET_PDEATHSIG = 1
FEW_ROWS = 20_000
"""One process has cut them before others would be at work: 4 s of nltk's tweet tokenizer."""


def processes_for(rows: int) -> int:
    return 1 if rows <= FEW_ROWS else len(os.sched_getaffinity(0))


@contextmanager
def spread(
    function: Callable[[Item], Result], processes: int
) -> Iterator[Callable[[Iterable[Item]], Iterator[Result]]]:
    """Yield `map` of this function by so many processes; where it is one, by this one itself.

    Two items a process are read ahead and no more, so that memory does not grow with the items.
    """
    if processes == 1:
        yield partial(map, function)
        return
    # Forked, not begun anew: a tokenizer takes up to 2 s to load, and is then shared. What other
    # threads there are (Arrow's, BLAS's) wait for work, and both libraries see to forks themselves.
    executor = ProcessPoolExecutor(
        processes, multiprocessing.get_context("fork"), initializer=_begin, initargs=(function, os.getpid())
    )
    try:
        yield partial(_in_order, executor, 2 * processes)
    finally:
        executor.shutdown(cancel_futures=True)


def _in_order(executor: ProcessPoolExecutor, ahead: int, items: Iterable[Item]) -> Iterator[Result]:
    waiting = deque()
    for item in items:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            waiting.append(executor.submit(_apply, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


_function: Callable


def _begin(function: Callable, parent: int) -> None:
    global _function
    _function = function
    # Ctrl-C ends the parent, and the parent this process; so does whatever kills the parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _apply(item: Item) -> Result:
    return _function(item)
