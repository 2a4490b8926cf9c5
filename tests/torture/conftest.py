"""Faults and bad inputs: what was tried, and what it did.

Every test here tells both in words (`tell`). `pytest tests/torture` tries a share of each campaign;
`make torture` all of it (`--torture`), and writes docs/torture.md, a line a test.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torture_table
from clone import ROOT

LIMIT_SECONDS = 5
"""Within which a mistake is refused, on a machine that does nothing else: so `make torture` holds to it."""
PATIENCE_SECONDS = 120


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torture", type=Path, metavar="TABLE", help="whole campaigns; write their table here")


def pytest_configure(config: pytest.Config) -> None:
    table = config.getoption("--torture")
    if table and not hasattr(config, "workerinput"):  # with pytest-xdist, in the process that has all reports
        config.pluginmanager.register(torture_table.Table(table, ROOT / ".unroll/torture.json"))


@pytest.fixture
def tell(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Callable:
    """tell(tried, did): the row of this test in the table, under the first line of its file's docstring."""
    record_property("section", request.module.__doc__.strip().splitlines()[0].rstrip("."))
    record_property("tried", request.node.name)

    def in_words(tried: str, did: str) -> None:
        record_property("tried", tried)
        record_property("did", did)

    return in_words


@pytest.fixture(scope="session")
def times(pytestconfig: pytest.Config) -> Callable[[int, int], int]:
    """times(all, share): how often a campaign tries."""
    return lambda all_of_them, share: all_of_them if pytestconfig.getoption("--torture") else share


@pytest.fixture
def refused(pytestconfig: pytest.Config, tell: Callable) -> Callable:
    """refused(tried, command, folder, *named): run a command that must end as a user's mistake does.

    It ends in time, with status 1, no traceback, and a message that names each of `named`. Return it.
    """

    def run(
        tried: str, command: list[str], folder: Path, *named: str, environment: dict[str, str] | None = None
    ) -> str:
        tell(tried, "")  # so that its row has a name whatever happens
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
        seconds = time.monotonic() - started
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert done.returncode == 1, said
        assert "Traceback" not in said
        for name in named:
            assert name in said, f"{name!r} is not named in: {said}"
        if pytestconfig.getoption("--torture"):
            assert seconds < LIMIT_SECONDS, f"it took {seconds:.1f} s"
        message = said.partition("unroll: ")[2].strip() or said.strip()
        tell(tried, message.splitlines()[0])
        return message

    return run


@pytest.fixture
def own(tmp_path: Path):
    """An own_corpus.OwnCorpus of which nothing has run yet."""
    from own_corpus import OwnCorpus

    return OwnCorpus(tmp_path)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory):
    """An own_corpus.OwnCorpus on which every stage has run."""
    from own_corpus import STAGES, OwnCorpus

    made = OwnCorpus(tmp_path_factory.mktemp("whole"))
    made.run(*STAGES)
    return made


@pytest.fixture
def copied(whole, tmp_path: Path):
    """A copy of `whole` to damage."""
    return whole.copied(tmp_path / "copied")


@pytest.fixture
def refusals(refused: Callable, tell: Callable, times: Callable, capsys: pytest.CaptureFixture):
    """An own_corpus.Refusals."""
    from own_corpus import Refusals

    return Refusals(refused, tell, bool(times(1, 0)), capsys)
