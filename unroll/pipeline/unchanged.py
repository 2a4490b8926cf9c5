"""Whether dvc.lock still tells the truth: nobody changed what a stage depends on without running it."""

from typing import Annotated

import typer

from unroll.failures import Refusal

MADE = ("data/", "models/", "reports/")
"""Where stages write; a fresh checkout has next to none of it."""
ABSENT = frozenset({"deleted", "not in cache"})
ALWAYS_CHANGED = "always changed"


def check_unchanged(
    without_data: Annotated[
        bool, typer.Option("--without-data", help="what stages make may be missing, as in a fresh checkout")
    ] = False,
) -> None:
    """Fail, naming each stage and its reasons, where `dvc repro` would find something to run.

    Without data this speaks of code, parameters and commands: whether the data are those of the lock
    only a run can tell. Stages that always run are left out.
    """
    from dvc.repo import Repo

    with Repo(".") as repo:
        found = reasons(repo.status(), MADE if without_data else ())
    if found:
        lines = [f"{stage}: {', '.join(why)}" for stage, why in found.items()]
        told = "these stages would run: run them (make repro) and commit dvc.lock with what they depend on"
        raise Refusal("\n  ".join([told, *lines]))
    typer.echo("nothing is left to run")


def reasons(status: dict[str, list], may_be_absent: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Return for each stage why it would run, from what `dvc status` says.

    A path that starts with one of `may_be_absent` is no reason where it is merely missing.
    """
    found: dict[str, list[str]] = {}
    for stage, parts in status.items():
        if ALWAYS_CHANGED in parts:
            continue
        why: list[str] = []
        for part in parts:
            if isinstance(part, str):
                why.append(part)
                continue
            for paths in part.values():
                why += [
                    f"{name} {_in_words(state)}"
                    for name, state in paths.items()
                    if not (isinstance(state, str) and state in ABSENT and name.startswith(may_be_absent))
                ]
        if why:
            found[stage] = why
    return found


def _in_words(state: str | dict[str, str]) -> str:
    """Of a file of parameters DVC says which of them changed."""
    return state if isinstance(state, str) else " and ".join(f"{key} {word}" for key, word in state.items())
