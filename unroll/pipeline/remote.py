"""Results shared between machines, by DVC's default remote: `dvc remote add --default` switches it on.

What it has is fetched before anything runs, so that a stage which ran elsewhere is restored, and what came of
this run is sent at its end. No result depends on it: where it cannot be used, that is told once all is done.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from unroll.failures import Refusal
from unroll.pipeline.scheduler import run_one
from unroll.tracking.place import without_password


@dataclass
class Remote:
    place: str | None
    """Its address; None where none is configured, and nothing is done then."""
    console: Console
    logs: Path
    fault: str | None = None

    def send(self) -> None:
        """Send what the run has made, or tell why that was not possible."""
        self._exchange("send")
        if self.fault:
            told = f"DVC's remote {self.place} was not used: {self.fault}"
            self.console.print(
                f"{told}. The results are complete; the next run sends them", highlight=False, markup=False
            )

    def _exchange(self, what: str) -> None:
        if self.place is None or self.fault:
            return
        log = self.logs / f"remote-{what}.log"
        try:
            run_one(["-m", "unroll.pipeline.remote_process", what], log)
        except Refusal:
            self.fault = _last_line(log).removeprefix("unroll: ")
        else:
            self.console.print(f"{_last_line(log)}: {self.place}", highlight=False, markup=False)


def fetch(console: Console, logs: Path) -> Remote:
    """Fetch what the remote has of this project, if there is one; the stages of this run ask it too then."""
    remote = Remote(_configured(), console, logs)
    # Here alone: with it comes all of DVC, for which a refusal of params.yaml need not wait.
    from unroll.pipeline.remote_process import VARIABLE

    remote._exchange("fetch")
    os.environ.pop(VARIABLE, None)
    if remote.place and not remote.fault:
        os.environ[VARIABLE] = remote.place
    return remote


def _configured() -> str | None:
    """Return the address of DVC's default remote, without a password."""
    from dvc.config import Config, ConfigError

    try:
        config = Config(str(Path(".dvc").resolve()))
    except ConfigError as error:
        raise Refusal(f"DVC's configuration: {error}") from None
    name = config["core"].get("remote")
    return without_password(config["remote"].get(name, {}).get("url", name)) if name else None


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
