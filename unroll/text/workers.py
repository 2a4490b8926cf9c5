"""One function over many items, by one process a core, with results in the order of the items."""

import multiprocessing
import os
import signal
import tempfile
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from unroll.stage import end_with

Item = TypeVar("Item")
Result = TypeVar("Result")

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


@contextmanager
def spread_tables(
    function: Callable[[Item], pa.Table], processes: int
) -> Iterator[Callable[[Iterable[Item]], Iterator[pa.Table]]]:
    """As `spread`, of a function that returns tables; they come from other processes as mapped files.

    Of 2.5 MB that takes both sides 1 ms together, through a pipe and pickled 13: a tenth of what
    cutting such a table takes.
    """
    if processes == 1:
        yield partial(map, function)
        return
    with (
        tempfile.TemporaryDirectory(prefix="unroll.") as folder,
        spread(partial(_to_file, function, folder), processes) as mapped,
    ):
        yield lambda items: map(_from_file, mapped(items))


def _to_file(function: Callable[[Item], pa.Table], folder: str, item: Item) -> Path:
    table = function(item)
    descriptor, name = tempfile.mkstemp(dir=folder)
    os.close(descriptor)
    with pa.ipc.new_file(name, table.schema) as writer:
        writer.write_table(table)
    return Path(name)


def _from_file(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    # Its memory stays mapped as long as the table is there.
    path.unlink()
    return table


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
    end_with(parent)


def _apply(item: Item) -> Result:
    return _function(item)
