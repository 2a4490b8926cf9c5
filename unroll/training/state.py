"""All that a run must remember to go on, from any step, as if it had never stopped."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from unroll.networks import checkpoints
from unroll.networks.classifier import device_of
from unroll.training.optimizers import Optimizer
from unroll.training.team import ALONE, Team
from unroll.training.weight_average import WeightAverage

Epoch = dict[str, float]
"""A row of the learning curve: its number, what was read, and what came of it."""


@dataclass
class Tally:
    """What the batches of an epoch have come to so far."""

    loss: Tensor
    """Summed over what was predicted."""
    right: Tensor
    batches: int = 0
    rows: int = 0
    tokens: int = 0
    predicted: int = 0

    @classmethod
    def nothing(cls, device: torch.device) -> "Tally":
        return cls(torch.zeros((), device=device), torch.zeros((), device=device, dtype=torch.int64))

    def add(self, loss: Tensor, right: Tensor, predicted: int, rows: int, tokens: int) -> None:
        """Add a batch: its mean loss, and what was right of what was predicted."""
        self.loss += loss * predicted
        self.right += right
        self.batches += 1
        self.predicted += predicted
        self.rows += rows
        self.tokens += tokens

    @property
    def mean_loss(self) -> float:
        return self.loss.item() / max(self.predicted, 1)

    def epoch(self) -> Epoch:
        return {
            "rows": self.rows,
            "tokens": self.tokens,
            "train_loss": self.mean_loss,
            "train_accuracy": self.right.item() / max(self.predicted, 1),
        }


@dataclass
class Standing:
    """Where a run stands among its epochs."""

    epochs: int = 0
    """That have ended."""
    best_epoch: int = 0
    best_score: float = float("-inf")
    """The headline, negative where less of it is better."""
    history: list[Epoch] = field(default_factory=list)


@dataclass
class State:
    """The run's own parts, which change in place, and what it has reached."""

    model: nn.Module
    optimizer: Optimizer
    average: WeightAverage | None
    team: Team
    standing: Standing
    tally: Tally
    """Of the epoch that has not ended."""
    best: dict[str, Tensor] = field(default_factory=dict)
    """The weights of the best epoch."""

    @classmethod
    def first(
        cls, model: nn.Module, optimizer: Optimizer, average: WeightAverage | None, team: Team = ALONE
    ) -> "State":
        return cls(model, optimizer, average, team, Standing(), Tally.nothing(device_of(model)))

    def save(self, path: Path) -> None:
        """Write everything to one file, whole or not at all; of a team all must ask, and one writes."""
        generators = _generators(device_of(self.model), self.team)
        if not self.team.leads:
            return
        counts = asdict(self.tally)
        parts = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.tensors(),
            "average": self.average.tensors() if self.average else {},
            "best": self.best,
            "generators": generators,
            "tally": {"loss": counts.pop("loss"), "right": counts.pop("right")},
        }
        checkpoints.save_checkpoint(path, parts, {"standing": asdict(self.standing), "tally": counts})

    def restore(self, path: Path) -> None:
        """Take everything back, torch's generators included, unless nothing can be read."""
        device = device_of(self.model)
        found = checkpoints.load_checkpoint(path, str(device))
        if found is None:
            return
        parts, document = found
        self.model.load_state_dict(parts["model"])
        self.optimizer.restore(parts["optimizer"])
        if self.average:
            self.average.restore(parts["average"])
        self.best = parts.get("best", {})
        self.standing = Standing(**document["standing"])
        self.tally = Tally(**parts["tally"], **document["tally"])
        torch.set_rng_state(parts["generators"][f"cpu.{self.team.rank}"].cpu())
        if device.type == "cuda":
            torch.cuda.set_rng_state(parts["generators"][f"cuda.{self.team.rank}"].cpu(), device)


def _generators(device: torch.device, team: Team) -> dict[str, Tensor]:
    """Return where torch's generators stand, every member's: dropout amid an epoch depends on it."""
    found = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    return {
        f"{kind}.{rank}": state for kind, own in found.items() for rank, state in enumerate(team.gather(own))
    }
