"""What the scheduler needs of whoever runs stages: take one, and tell when it has ended."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol


@dataclass
class Running:
    """A stage that has been handed over and has not ended."""

    stage: str
    line: Callable[[], str] = str
    """Says how far it is, in a few words; nothing while it has said nothing."""
    where: str = ""
    """The node that runs it; empty for this machine, and while it waits for a node."""
    waits: bool = False
    started: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class End:
    """How one attempt at a stage came out."""

    stage: str
    seconds: float
    wrong: str | None = None
    """Why it failed, in a few words; its log says more. None for a good end."""
    where: str = ""
    counts: bool = True
    """Whether a failure was an attempt at the stage, and not a node's refusal to try."""


class Executor(Protocol):
    attempts: int
    """How often a stage is tried before it has failed."""
    goes_on: bool
    """Whether stages that do not need one that failed are still started."""

    @property
    def running(self) -> Collection[Running]: ...

    def has_room(self) -> bool:
        """Whether another stage may be handed over now; it may have to wait for a node."""

    def start(self, stage: str) -> None: ...

    def ends(self, seconds: float) -> list[End]:
        """Wait so long at most until stages have ended, and return how."""

    def stop(self) -> None:
        """Tell all that runs to end, and wait until it has; at once if interrupted."""
