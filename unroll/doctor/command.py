"""What `python -m unroll doctor` does."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from unroll import catalogue
from unroll.doctor import disk, leftovers, locks, results, runs, tracker
from unroll.doctor.finding import Examination, Finding
from unroll.failures import Refusal
from unroll.tracking import place

ROOT, PARAMS, PIPELINE = Path(), Path("params.yaml"), Path("dvc.yaml")
LOCK, PARKED = Path("dvc.lock"), Path("parked.lock")
DVC_LOCK, RWLOCK = Path(".dvc/tmp/lock"), Path(".dvc/tmp/rwlock")
CACHE, CHECKPOINTS = Path(".dvc/cache/files/md5"), Path(".unroll/checkpoints")
WRITTEN = [Path(name) for name in ("data", "models", "reports", ".unroll", ".dvc/cache", ".dvc/tmp")]
GROWING = {
    Path(".dvc/cache"): "dvc gc --workspace removes what dvc.lock does not name",
    Path(".unroll"): "its checkpoints and logs may go",
    Path("mlartifacts"): "may go together with mlflow.db, and is rebuilt",
}
COMMAND = "python -m unroll doctor --fix"


def parameters() -> Iterator[Finding]:
    """Find mistakes in params.yaml: what they should have been only its author can tell."""
    try:
        catalogue.load(PARAMS)
    except (Refusal, OSError) as error:
        yield Finding(str(PARAMS), str(error), "correct it")


LOCKS_OF_DVC: list[Examination] = [
    partial(runs.torn_rwlock, RWLOCK),
    partial(runs.foreign_rwlock, RWLOCK),
]
BLOCKING: list[Examination] = [
    partial(locks.without_entries, LOCK),
    partial(locks.torn_at_a_glance, LOCK),
    partial(locks.torn_at_a_glance, PARKED),
    *LOCKS_OF_DVC,
    partial(runs.held, DVC_LOCK),
]
"""What would end a run, or let it wait for ever, before it has begun."""
ALL: list[Examination] = [
    partial(disk.no_space, ROOT, GROWING),
    partial(disk.no_right_to_write, ROOT, WRITTEN),
    parameters,
    partial(locks.without_entries, LOCK),
    partial(locks.torn, LOCK),
    partial(locks.torn, PARKED),
    *LOCKS_OF_DVC,
    partial(runs.dead_rwlock, RWLOCK),
    partial(leftovers.unfinished, WRITTEN),
    partial(leftovers.unreadable_checkpoints, CHECKPOINTS),
    partial(results.broken_cache, CACHE, LOCK, PIPELINE),
    partial(results.half_written, LOCK),
    lambda: tracker.damaged(place.database_of(place.address())),
]
"""In this order: what comes later looks at what is mended by then."""


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="mend what can be mended, not only tell it")] = False,
) -> None:
    """Look for what a crash can leave behind, say what mends it, and with --fix do so."""
    if not PIPELINE.exists():
        raise Refusal(f"there is no {PIPELINE} here: go to the project's own folder")
    left = _examine([partial(runs.orphans, ROOT)], fix)
    if who := not left and runs.at_work(ROOT, DVC_LOCK, RWLOCK):
        raise Refusal(f"{who} is at work here: look again when it has ended, or end it")
    left += _examine(ALL, fix)
    if left:
        mendable = sum(finding.mend is not None for finding in left)
        how = f": {COMMAND} mends {mendable} of them" if mendable else ": they are yours to mend"
        raise Refusal(f"{len(left)} things are wrong{how}" if len(left) > 1 else f"1 thing is wrong{how}")
    typer.echo("all is well")


def refuse_what_blocks() -> None:
    """Look, in a moment, for what a run would fail over or wait for.

    Raises:
        Refusal: there is such a thing; the message says how to mend it.
    """
    for examination in BLOCKING:
        for finding in examination():
            how = COMMAND if finding.mend else finding.remedy
            raise Refusal(f"{finding.place} is in the way, {finding.wrong}: {how}")


def _examine(examinations: list[Examination], fix: bool) -> list[Finding]:
    """Tell what is found, mend it if asked to, and return what is left."""
    left = []
    for examination in examinations:
        for finding in examination():
            if fix and finding.mend:
                finding.mend()
                typer.echo(f"mended  {finding.in_words()}")
            else:
                left.append(finding)
                typer.echo(f"{'--fix   ' if finding.mend else 'by hand '}{finding.in_words()}")
    return left
