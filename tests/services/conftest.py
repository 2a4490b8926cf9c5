"""Real servers on 127.0.0.1, each a process of its own that runs as long as the tests of this folder.

- `needs("ray")`: skip where this package, or this program, is not installed; under CI=true that is an error.
- `s3`: an `S3` with the bucket `unroll`. `s3.variables` is an environment with its address and credentials,
  as boto3, s3fs (which is DVC's) and MLflow read it.
- `postgres`: the URI of a database, user and password included.
- `mlflow_server`: the address of MLflow's server over the two, as deploy/compose.yaml starts it.

What is served is in folders that go with them. They end with pytest: when it is done, on Ctrl-C, and when it
is killed (server_process.py).
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import deployed
import pytest
from server_process import free_port, listens, served

PASSWORDS = {"POSTGRES_PASSWORD": "wherefore", "S3_PASSWORD": "thereupon"}


@dataclass(frozen=True)
class S3:
    endpoint: str
    bucket: str
    variables: dict[str, str]


def needs(name: str, how: str = "make services") -> None:
    """Raise pytest's word for a test that cannot run here, unless the package or program is there."""
    if shutil.which(name) or importlib.util.find_spec(name):
        return
    said = f"{name} is not installed: {how}"
    pytest.fail(said, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(said)


@pytest.fixture(scope="session", name="needs")
def needs_fixture() -> Callable[..., None]:
    return needs


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    needs("moto")
    needs("boto3")
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    bucket = deployed.services(PASSWORDS)["bucket"]
    variables = _surroundings() | bucket["environment"]
    variables |= {"MLFLOW_S3_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL": endpoint}
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path_factory.mktemp("s3") / "log"
    with served(command, partial(listens, port), log, _surroundings()):
        subprocess.run([sys.executable, *bucket["command"][1:]], env=variables, check=True)
        yield S3(endpoint, "unroll", variables)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = _postgres_programs()
    port, password = free_port(), PASSWORDS["POSTGRES_PASSWORD"]
    # It refuses to run as root, and pytest's own folders are closed to everybody else.
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="unroll-postgres-", ignore_cleanup_errors=True) as root:
        (Path(root) / "password").write_text(password)
        if os.getuid() == 0:
            for path in (Path(root), Path(root) / "password"):
                shutil.chown(path, user)
        data = f"{root}/data"
        made = ["--pgdata", data, "--username", "mlflow", "--auth", "scram-sha-256", "--no-sync"]
        subprocess.run(
            [folder / "initdb", *made, "--pwfile", f"{root}/password"],
            user=user,
            cwd=root,
            check=True,
            capture_output=True,
        )
        listening = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
        ready = [folder / "pg_isready", "--host", "127.0.0.1", "--port", str(port), "--quiet"]
        command = [str(folder / "postgres"), "-D", data, *listening]
        log = tmp_path_factory.mktemp("postgres") / "log"
        as_whom = user if os.getuid() == 0 else ""
        with served(command, lambda: subprocess.run(ready).returncode == 0, log, user=as_whom):
            yield f"postgresql+psycopg2://mlflow:{password}@127.0.0.1:{port}/postgres"


@pytest.fixture(scope="session")
def mlflow_server(s3: S3, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs("psycopg2")
    service = deployed.services(PASSWORDS)["mlflow"]
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    here = {"0.0.0.0": "127.0.0.1", "5000": str(port)}
    variables = s3.variables | service["environment"]
    variables |= {"MLFLOW_S3_ENDPOINT_URL": s3.endpoint, "MLFLOW_BACKEND_STORE_URI": postgres}
    command = [sys.executable, "-m", *(here.get(word, word) for word in service["command"])]
    with served(command, lambda: _is_well(address), tmp_path_factory.mktemp("mlflow") / "log", variables):
        yield address


def _surroundings() -> dict[str, str]:
    """This process's environment, without what would lead to another server or another's account."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MLFLOW_"))}


def _postgres_programs() -> Path:
    """Debian keeps the server's programs off the path, a folder a version."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not folders:
        needs("pg_isready", "apt-get install postgresql")
    return folders[-1] if folders else Path(shutil.which("pg_isready")).parent


def _is_well(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False
