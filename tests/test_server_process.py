"""A server that tests start ends with them, and with all that it has started itself."""

import signal
import subprocess
import sys

import psutil
import pytest
from server_process import GRACE_SECONDS, free_port, listens, served
from tiny import ROOT
from waiting import is_alive, wait_until

FAMILY = """
import os, signal, subprocess, sys, time
if len(sys.argv) == 1:
    child = subprocess.Popen([sys.executable, __file__, "child"], start_new_session=True)
    print(os.getpid(), child.pid, flush=True)
elif sys.argv[1] == "child":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)
"""
TESTS = """
import sys, time
from pathlib import Path
from server_process import served
log = Path("log")
with served([sys.executable, "family.py"], lambda: log.read_text().endswith("\\n"), log):
    print("served", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_it_ends_with_its_tests_however_those_end(tmp_path, how):
    (tmp_path / "family.py").write_text(FAMILY)
    paths = {"PYTHONPATH": f"{ROOT}/tests"}
    tests = subprocess.Popen(
        [sys.executable, "-c", TESTS], cwd=tmp_path, env=paths, stdout=subprocess.PIPE, text=True
    )
    assert tests.stdout.readline() == "served\n"
    family = [int(number) for number in (tmp_path / "log").read_text().split()]
    assert len(family) == 2 and all(map(is_alive, family))
    tests.send_signal(how)
    tests.communicate(timeout=GRACE_SECONDS * 3)
    wait_until(lambda: not any(map(is_alive, family)))


def test_one_that_ends_by_itself_is_told_with_its_last_words(tmp_path):
    log = tmp_path / "log"
    with (
        pytest.raises(AssertionError, match="no such luck"),
        served([sys.executable, "-c", "print('no such luck')"], lambda: False, log),
    ):
        raise NotImplementedError("not reached")


def test_it_is_there_within_the_block_and_not_after_it(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    assert not listens(port)
    with served(command, lambda: listens(port), tmp_path / "log") as kept:
        assert listens(port)
    assert not listens(port) and not psutil.pid_exists(kept.pid)
