"""Processes that train one network together: data parallelism, each with its share of every batch.

All hold the same weights. After each step their gradients are added up, so that all take the one step
that the whole batch asks for, and stay alike to the last bit. What is random beside the order of rows,
dropout, each draws for its own share: so the number of processes is part of what decides a result.

torchrun starts them (launch.py); their gradients pass by gloo on CPUs, by NCCL where each has a GPU.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unroll import files
from unroll.failures import Refusal, of_the_machine
from unroll.stage import end_with

FOLDER = "UNROLL_TEAM"
"""The variable that names the folder where the members of a team find each other."""
SAID = "said.txt"
MEETING = "meeting"


@dataclass(frozen=True)
class Team:
    """One of `size` processes, or a process that trains alone."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the member that shows and writes."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Return this member's rows of a batch; where there are too few, one that does not count."""
        return rows[self.rank :: self.size] if self.counts(rows) else rows[:1]

    def counts(self, rows: np.ndarray) -> bool:
        """Whether a batch has rows enough for this member to have one of its own."""
        return self.rank < len(rows)

    def any(self, holds: bool) -> bool:
        """Return whether it holds for any member; all of them must ask."""
        if self.size == 1:
            return holds
        found = torch.tensor([holds], dtype=torch.float32, device=_device())
        torch.distributed.all_reduce(found)
        return bool(found.item())

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Return every member's tensor, in their order; all are of one shape."""
        if self.size == 1:
            return [tensor]
        found = [torch.empty_like(tensor, device=_device()) for _ in range(self.size)]
        torch.distributed.all_gather(found, tensor.to(_device()))
        return found

    def mean(self, parameters: list[Tensor], weight: Tensor, figures_K: Tensor) -> Tensor:
        """Turn the gradients of each member's summed loss into that of the whole batch's mean loss.

        `weight` is what this member's predictions weigh in that mean. Return the sum of all weights, and
        behind it the sums of `figures_K` over all members, (1 + K).
        """
        dense = [one.grad for one in parameters if not one.grad.is_sparse]
        parts = [weight.reshape(1), figures_K, *(one.reshape(-1) for one in dense)]
        # In one message: what a small one costs is its way, not its length.
        flat = torch.cat([one.float() for one in parts])
        torch.distributed.all_reduce(flat)
        sums, *summed = flat.split([1 + len(figures_K), *(one.numel() for one in dense)])
        # Rows of one word predict no next one: they may weigh nothing together.
        whole = sums[0].clamp(min=torch.finfo(torch.float32).tiny)
        for gradient, total in zip(dense, summed, strict=True):
            torch.div(total.view_as(gradient), whole, out=gradient)
        for parameter in parameters:
            if parameter.grad.is_sparse:
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad = parameter.grad.coalesce()
                parameter.grad._values().div_(whole)
        return sums


ALONE = Team()


def is_member() -> bool:
    """Whether this process has been started as one of a team."""
    return FOLDER in os.environ


@contextmanager
def join() -> Iterator[Team]:
    """Meet the other members within the block, where torchrun has started this process as one of them.

    What a member cannot go on with is left for who started it to tell, so that it is told once.
    """
    if not is_member():
        yield ALONE
        return
    import torch.distributed

    end_with(os.getppid(), signal.SIGTERM)  # and save before, in time
    folder = Path(os.environ[FOLDER])
    team = Team(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    gpus = torch.cuda.device_count()
    if gpus:
        torch.cuda.set_device(team.rank % gpus)
    # Nobody else is to hear them: on this machine gloo listens where it is told to, NCCL too.
    os.environ |= {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    torch.distributed.init_process_group(
        "nccl" if gpus >= team.size else "gloo",
        init_method=f"file://{folder / MEETING}",
        rank=team.rank,
        world_size=team.size,
    )
    try:
        yield team
    except Exception as error:
        said = str(error) if isinstance(error, Refusal) else of_the_machine(error)
        if said is None and not _is_of_a_lost_member(error):
            raise
        if said is not None and not (folder / SAID).exists():
            files.write_text(folder / SAID, said)
        raise SystemExit(1) from None
    finally:
        torch.distributed.destroy_process_group()


def _is_of_a_lost_member(error: Exception) -> bool:
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


def _device() -> str:
    return "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
