"""Progress of one stage: a line in the terminal, or a small file for the scheduler to show.

Quiet where there is neither a terminal nor a scheduler.
"""

import json
import os
import sys
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live

from unroll.training import Progress

FILE_VARIABLE = "UNROLL_PROGRESS_FILE"


def in_words(progress: Progress, headline: str) -> str:
    """epoch, loss, validation score, tokens a second and the time left, in one line."""
    score = "" if progress.score != progress.score else f"  {headline} {progress.score:.3f}"
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    return (
        f"epoch {progress.epoch}/{progress.epochs} {progress.done:4.0%}  loss {progress.loss:.3f}{score}"
        f"  {progress.tokens_per_second:,.0f} tokens/s  {minutes}:{seconds:02d} left"
    )


class StageProgress:
    """Call it with each Progress, within a `with` block."""

    def __init__(self, stage: str, headline: str) -> None:
        self.stage, self.headline = stage, headline
        self.file = os.environ.get(FILE_VARIABLE)
        console = Console(stderr=True)
        self.live = Live(console=console, transient=True) if sys.stderr.isatty() and not self.file else None

    def __enter__(self) -> "StageProgress":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, progress: Progress) -> None:
        line = in_words(progress, self.headline)
        if self.live:
            self.live.update(f"{self.stage}  {line}")
        if self.file:
            path = Path(self.file)
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps({"stage": self.stage, "line": line}))
            os.replace(temporary, path)
