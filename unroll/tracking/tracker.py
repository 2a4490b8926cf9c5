"""MLflow as a projection of dvc.lock: one run a training, one parent run a network.

The lock is the truth. A run carries `dvc.key`, the sha256 of what it shows, so that a second call
finds everything done; `dvc.train` names the trainings alone, so that a run stays known when the
files that its scores came from are gone. What the lock no longer knows is tagged stale, and what
comes back is revived. The database may be deleted at any time: it is rebuilt without training.
"""

import sys
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress

from unroll.pipeline.lockfile import key_of
from unroll.tracking import live, projection_ensemble
from unroll.tracking.client import Tracker
from unroll.tracking.imports import Run
from unroll.tracking.projection import Group, Scores
from unroll.tracking.projection_champion import Contest
from unroll.tracking.projection_comparison import Comparison
from unroll.tracking.projection_floor import Floor
from unroll.tracking.registry import crown, leave_others
from unroll.tracking.store import Outcome, Store

COMPARED = "dvc.compared"
"""Tag of an ensemble's run: the digest of the last document that it stood in."""


@dataclass(frozen=True)
class Plan:
    """A run that stands, or else the key of one to make, with its scores or without."""

    run: Run | None = None
    key: str = ""
    scored: bool = False


def project(
    groups: list[Group],
    floors: list[Floor],
    comparisons: list[Comparison],
    contests: list[Contest],
    uri: str,
    commit: str | None,
) -> Outcome:
    """Make MLflow at `uri` show the groups, each corpus's floor, its comparison and the ensembles in it as
    runs of their own, and its champion in the registry.

    Raises:
        Refusal: the database or server cannot be used.
    """
    tracker = Tracker(uri)
    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with tracker.alone(), bar:
        live.close_lost(tracker)
        store = Store(tracker, {group.corpus for group in groups}, commit)
        for group in bar.track(groups, description="MLflow"):
            _project_group(store, group)
        for floor in floors:
            _project_floor(store, floor)
        for comparison in comparisons:
            _project_comparison(store, comparison)
            _project_ensembles(store, comparison)
        for contest in contests:
            crown(store, contest)
        leave_others(store, contests)
        store.retire()
    return store.outcome


def _project_group(store: Store, group: Group) -> None:
    plans = {seed: plan for seed in sorted(group.trainings) if (plan := _plan_child(store, group, seed))}
    parent = _plan_parent(store, group)
    if not plans and not parent.run:
        return
    if parent.run:
        parent_id = store.keep(parent.run, {})
    else:
        seeds = list(group.scores if parent.scored else group.trainings)
        tags = {"dvc.key": parent.key, "dvc.train": _train_key(group, seeds)}
        parent_id = store.create(group.parent(parent.scored), tags)
    for seed, plan in plans.items():
        link = {"mlflow.parentRunId": parent_id}
        if plan.run:
            store.keep(plan.run, link)
        else:
            tags = {"dvc.key": plan.key, "dvc.train": group.trainings[seed].entry.key}
            store.create(group.child(seed, plan.scored), tags | link)
    store.outcome.parents += 1
    store.outcome.children += len(plans)


def _project_floor(store: Store, floor: Floor) -> None:
    key = floor.entry.key
    if run := store.first(lambda tags: tags.get("dvc.key") == key):
        store.keep(run, {})
    elif floor.report:
        store.create(floor.content(), {"dvc.key": key})
    else:
        return
    store.outcome.floors += 1


def _project_comparison(store: Store, comparison: Comparison) -> None:
    """Let the run of this very document stand also where the report has gone over to other corpora."""
    key = key_of([comparison.digest, comparison.digests])
    named = {"dvc.key": key, "dvc.document": comparison.digest or ""}
    sought = "dvc.key" if comparison.report else "dvc.document"
    if run := store.first(lambda tags: tags.get(sought) == named[sought]):
        store.keep(run, {})
    elif comparison.document:
        store.create(comparison.content(), named)
    else:
        return
    if comparison.document:
        store.describe(comparison.corpus, comparison.description())
    store.outcome.comparisons += 1


def _project_ensembles(store: Store, comparison: Comparison) -> None:
    """Let those of the very document stand also where it is not on disk."""
    named = {COMPARED: comparison.digest or ""}
    for ensemble in projection_ensemble.ensembles(comparison):
        key = ensemble.key
        if run := store.first(lambda tags, key=key: tags["dvc.key"] == key):
            store.keep(run, named)
        else:
            store.create(ensemble.content(), {"dvc.key": key} | named)
        store.outcome.ensembles += 1
    if not comparison.document:
        for run in [run for run in store.runs if run.data.tags.get(COMPARED) == named[COMPARED]]:
            store.keep(run, {})
            store.outcome.ensembles += 1


def _plan_child(store: Store, group: Group, seed: int) -> Plan | None:
    """Return None where there is neither a run of this training nor the files to make one."""
    training, scores = group.trainings[seed], group.scores.get(seed)
    key = _child_key(group, seed, scores)
    if scores and (run := store.first(lambda tags: tags["dvc.key"] == key)):
        return Plan(run)
    # Weights are hashed only before a run is made, never where there is nothing to do.
    if group.are_scores_of(seed):
        return Plan(key=key, scored=True)
    if run := store.first(lambda tags: tags.get("dvc.train") == training.entry.key):
        return Plan(run)
    return Plan(key=_child_key(group, seed, None)) if training.is_whole else None


def _plan_parent(store: Store, group: Group) -> Plan:
    key = key_of([[_child_key(group, seed, scores) for seed, scores in group.scores.items()], group.summary])
    if group.scores and (run := store.first(lambda tags: tags["dvc.key"] == key)):
        return Plan(run)
    if group.are_scores_of(*group.scores):
        return Plan(key=key, scored=True)

    def shows_trainings_of_the_lock(tags: dict[str, str]) -> bool:
        seeds = [int(seed) for seed in tags.get("seeds", "").split()]
        return set(seeds) <= set(group.trainings) and tags.get("dvc.train") == _train_key(group, seeds)

    if run := store.first(shows_trainings_of_the_lock):
        return Plan(run)
    return Plan(key=key_of([_train_key(group, list(group.trainings)), None]))


def _child_key(group: Group, seed: int, scores: Scores | None) -> str:
    return key_of([group.trainings[seed].entry.key, scores])


def _train_key(group: Group, seeds: list[int]) -> str:
    """Names the trainings of these seeds, whatever they scored."""
    return key_of([group.trainings[seed].entry.key for seed in sorted(seeds)])
