"""Where a stage stands: measured, and shown as a line in the terminal or to the scheduler.

Quiet where there is neither a terminal nor a scheduler. Never part of a result.
"""

import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live

FILE_VARIABLE = "UNROLL_PROGRESS_FILE"


@dataclass(frozen=True)
class Progress:
    epoch: int
    epochs: int
    done: float
    """Share of this epoch's tokens, 0 to 1."""
    loss: float
    """Mean over this epoch so far."""
    headline: str
    score: float
    """The best on validation so far, of the headline; NaN before the first."""
    tokens_per_second: float
    seconds_left: float
    """Until the last epoch; early stopping may end the run sooner."""

    def in_words(self) -> str:
        headline = self.headline.replace("_", " ")
        score = "" if math.isnan(self.score) else f"  validation {headline} {self.score:.3f}"
        minutes, seconds = divmod(round(self.seconds_left), 60)
        return (
            f"epoch {self.epoch}/{self.epochs} {self.done:4.0%}  loss {self.loss:.3f}{score}"
            f"  {self.tokens_per_second:,.0f} tokens/s  {minutes}:{seconds:02d} left"
        )


@dataclass(frozen=True)
class Rows:
    """How far rows have been read, of a stage that reads them once."""

    done: int
    of: int
    seconds: float

    def in_words(self) -> str:
        speed = self.done / max(self.seconds, 1e-9)
        minutes, seconds = divmod(round((self.of - self.done) / max(speed, 1e-9)), 60)
        return f"{self.done:,} of {self.of:,} rows  {speed:,.0f} rows/s  {minutes}:{seconds:02d} left"


class RowClock:
    """Counts rows against the time, and shows it twice a second."""

    def __init__(self, rows: int, display: Callable[[Rows], None]) -> None:
        self.rows, self.display = rows, display
        self.done, self.started = 0, time.monotonic()
        self.shown = self.started

    def add(self, rows: int) -> None:
        self.done += rows
        now = time.monotonic()
        if now - self.shown >= 0.5:
            self.shown = now
            self.display(Rows(self.done, self.rows, now - self.started))


class Clock:
    """Counts the tokens of each epoch against the time."""

    def __init__(self, tokens_an_epoch: int, epochs: int) -> None:
        self.tokens_an_epoch, self.epochs = tokens_an_epoch, epochs
        self.tokens, self.seconds = 0, 0.0
        self.shown = time.monotonic()

    def start(self, epoch: int, read_before: int = 0) -> None:
        """Begin an epoch, of which so many tokens were read by a process that ended."""
        self.epoch, self.in_epoch, self.started = epoch, read_before, time.monotonic()
        self.read_before = read_before

    def add(self, tokens: int) -> None:
        self.in_epoch += tokens

    def end(self) -> None:
        self.tokens += self.in_epoch - self.read_before
        self.seconds += time.monotonic() - self.started

    def is_due(self) -> bool:
        """Twice a second: reading the loss makes a GPU wait."""
        if time.monotonic() - self.shown < 0.5:
            return False
        self.shown = time.monotonic()
        return True

    def progress(self, loss: float, headline: str, score: float) -> Progress:
        speed = (self.in_epoch - self.read_before) / max(time.monotonic() - self.started, 1e-9)
        left = (self.epochs - self.epoch + 1) * self.tokens_an_epoch - self.in_epoch
        done = min(1.0, self.in_epoch / self.tokens_an_epoch)
        return Progress(self.epoch, self.epochs, done, loss, headline, score, speed, max(0.0, left / speed))


class Display:
    """Shows each Progress or Rows it is called with, within a `with` block."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.file = os.environ.get(FILE_VARIABLE)
        shown = sys.stderr.isatty() and not self.file
        self.live = Live(console=Console(stderr=True), transient=True) if shown else None

    def __enter__(self) -> "Display":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, progress: Progress | Rows) -> None:
        line = progress.in_words()
        if self.live:
            self.live.update(f"{self.stage}  {line}")
        if self.file:
            # Renamed, so that the scheduler never reads half a line.
            temporary = Path(f"{self.file}.tmp")
            temporary.write_text(line, encoding="utf-8")
            os.replace(temporary, self.file)
