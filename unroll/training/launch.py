"""A team of processes (team.py) on this machine, started and watched by torchrun."""

import logging
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from unroll.failures import Refusal
from unroll.stage import RUN_BY
from unroll.training import team

SAVING_SECONDS = 30
"""How long members that have been told to end may go on saving."""


def together(processes: int, arguments: list[str]) -> None:
    """Run `python ARGUMENTS` in so many processes, each a member of one team, until all have ended.

    They find each other through files in a folder of their own. By default torchrun would open a port to
    the whole network, and unpickle what comes there.

    Raises:
        Refusal: what the first member that could not go on said, or how it ended.
    """
    # torchrun's own library: half a second that a training alone need not wait for.
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable()  # how it ends is told below
    with TemporaryDirectory(prefix="unroll-team-") as folder:
        launched = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id="unroll",
            rdzv_backend="c10d",
            rdzv_endpoint=str(Path(folder, "torchrun")),
            rdzv_configs={"store_type": "file"},
            local_addr="127.0.0.1",
            max_restarts=0,
            shutdown_timeout=SAVING_SECONDS,
        )
        os.environ[team.FOLDER] = folder
        # A member ends with this process, which ends with its DVC.
        run_by = os.environ.pop(RUN_BY, None)
        try:
            elastic_launch(launched, sys.executable)(*arguments)
        except SignalException as signalled:
            raise Refusal(_said(folder) or f"stopped by {signalled.sigval.name}") from None
        except ChildFailedError as failed:
            raise Refusal(_said(folder) or _how(failed)) from None
        finally:
            del os.environ[team.FOLDER]
            if run_by is not None:
                os.environ[RUN_BY] = run_by


def _said(folder: str) -> str | None:
    path = Path(folder, team.SAID)
    return path.read_text(encoding="utf-8") if path.exists() else None


def _how(failed: Exception) -> str:
    rank, first = failed.get_first_failure()
    how = first.signal_name() if first.exitcode < 0 else f"status {first.exitcode}"
    return f"process {rank} of the team ended with {how}; run it again to go on from what was saved"
