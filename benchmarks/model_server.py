"""A model package behind `mlflow models serve`, on this machine alone, for as long as a block lasts."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from unroll.failures import Refusal

HOST = "127.0.0.1"
START_SECONDS = 120
"""Within which a server must answer."""
SWITCHES = {
    "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "true",  # of the package's served.py
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes

    @property
    def document(self) -> dict:
        return json.loads(self.content)


class Client:
    """One connection, kept open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection(HOST, port, timeout=60)

    def send(self, content: bytes, kind: str = "application/json") -> Answer:
        self.connection.request("POST", "/invocations", content, {"Content-Type": kind})
        response = self.connection.getresponse()
        return Answer(response.status, response.read())

    def ask(self, texts: Sequence[str]) -> Answer:
        return self.send(json.dumps({"inputs": {"text": list(texts)}}).encode())


@dataclass(frozen=True)
class Server:
    process: psutil.Process
    port: int

    def memory(self) -> int:
        """Return the bytes that its processes hold, those of MLflow's command too."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family)


@contextmanager
def served(package: Path, log: Path, workers: int = 1) -> Iterator[Server]:
    """Serve the package, and write what the server says to `log`.

    Raises:
        Refusal: it ended, or did not answer in time.
    """
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    where = ["--env-manager", "local", "--host", HOST, "--port", str(port), "--workers", str(workers)]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(package), *where]
    # MLflow looks for uvicorn on the path.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with open(log, "wb") as stream:
        started = subprocess.Popen(
            command,
            cwd=log.parent,
            env=os.environ | SWITCHES | {"PATH": path},
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        _wait(started, port, log)
        yield Server(psutil.Process(started.pid), port)
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def _wait(started: subprocess.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and started.poll() is None:
        try:
            connection = http.client.HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise Refusal(f"the server did not begin to answer: {said}")
