"""Work spread over processes is the work of one: the same results, in order, and no more read ahead."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pytest
from clone import ROOT

from unroll.failures import Refusal
from unroll.text import workers
from unroll.text.workers import spread, spread_tables

PROCESSES = [1, 2, 3]


def slow_first(number: int) -> int:
    # The first items take longest, so that the others are done before them.
    sum(range(20_000 * max(0, 8 - number)))
    return number * number


@pytest.mark.parametrize("processes", PROCESSES)
def test_results_come_in_the_order_of_the_items(processes):
    with spread(slow_first, processes) as mapped:
        assert list(mapped(range(30))) == [number * number for number in range(30)]
        assert list(mapped(iter(()))) == []


@pytest.mark.parametrize("processes", PROCESSES)
def test_no_more_items_are_read_ahead_than_two_a_process(processes):
    read = []
    items = (read.append(number) or number for number in range(40))
    with spread(slow_first, processes) as mapped:
        for done, _ in enumerate(mapped(items), start=1):
            assert len(read) - done <= 2 * processes


@pytest.mark.parametrize("processes", PROCESSES)
def test_a_function_that_cannot_be_pickled_is_shared_with_every_process(processes):
    offset = 7
    with spread(lambda number: (number + offset, os.getpid()), processes) as mapped:
        found = list(mapped(range(20)))
    assert [value for value, _ in found] == list(range(7, 27))
    assert (os.getpid() in {process for _, process in found}) == (processes == 1)


@pytest.mark.parametrize("processes", PROCESSES)
def test_a_refusal_comes_through_with_its_message_where_its_item_stands(processes):
    def refuse(number: int) -> int:
        if number >= 5:
            raise Refusal(f"row {number}: mend it")
        return number

    seen = []
    with pytest.raises(Refusal, match=r"^row 5: mend it$"), spread(refuse, processes) as mapped:
        for number in mapped(range(20)):
            seen.append(number)
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("processes", PROCESSES)
def test_tables_are_the_same_from_other_processes_and_their_files_are_gone(tmp_path, monkeypatch, processes):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with spread_tables(
        lambda rows: pa.table({"row": range(rows), "text": ["a lamp"] * rows}), processes
    ) as cut:
        found = list(cut(iter([3, 0, 5000, 1])))
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    # They outlive the processes and the folder.
    assert not list(tmp_path.iterdir())
    assert [len(table) for table in found] == [3, 0, 5000, 1]
    assert found[2]["row"].to_pylist() == list(range(5000)) and set(found[2]["text"].to_pylist()) == {
        "a lamp"
    }


def test_no_file_of_a_table_is_left_behind_where_the_work_breaks_off(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyError), spread_tables(lambda rows: pa.table({"row": range(rows)}), 2) as cut:
        next(cut(range(100)))
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_no_process_is_left_behind_even_where_the_work_breaks_off():
    with pytest.raises(KeyError), spread(lambda _: os.getpid(), 2) as mapped:
        process = next(mapped(range(100)))
        raise KeyError
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_the_processes_end_with_the_one_that_they_work_for():
    program = (
        "import os, sys, time; from unroll.text.workers import spread\n"
        "with spread(lambda _: time.sleep(0.2) or os.getpid(), 2) as mapped:\n"
        "    for process in mapped(range(1000)): print(process, flush=True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    working = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while (state := state_of(working)) not in ("gone", "Z") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert state in ("gone", "Z")


def state_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "gone"


def test_few_rows_are_cut_by_one_process_and_many_by_one_a_core(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)))
    assert workers.processes_for(workers.FEW_ROWS) == 1
    assert workers.processes_for(workers.FEW_ROWS + 1) == 6
