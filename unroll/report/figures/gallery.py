"""Every figure of a comparison, by name: drawn once as a specification, for the page and for papers alike."""

from collections.abc import Callable, Iterator

from unroll.report.figures import pairs, rows, scores, theme, training
from unroll.report.figures.chart import Figure, Task

KINDS: dict[str, Callable[[Task], list[Figure]]] = {
    "seeds": scores.seeds,
    "pairs": pairs.pairs,
    "power": scores.power,
    "confusion": rows.confusion,
    "length": rows.by_length,
    "unknown-words": rows.by_unknown,
    "calibration": rows.calibration,
    "cost": training.cost,
    "learning": training.curves,
    "trials": training.trials,
}
MEASURED: dict[str, Callable[[Task], Figure]] = {
    "cost": training.cost_by_seconds,
    "trials": training.trials_by_hours,
}
"""Figures that need measured times, which do not repeat: the page alone fills them in."""


def all_figures(documents: list[dict], over_corpora: dict) -> dict[str, Figure]:
    """Return the figures of every corpus, in the page's order, by names such as "sst5-seeds"."""
    found = [figure for task in tasks(documents) for draw in KINDS.values() for figure in draw(task)]
    if over_corpora["enough"]:
        found.append(pairs.critical_difference(over_corpora, network_colours(documents)))
    return {figure.name: figure for figure in found}


def measured_figures(documents: list[dict]) -> dict[str, Figure]:
    """Return the figures that are empty until the page has read times.js."""
    found = [draw(task) for task in tasks(documents) for draw in MEASURED.values()]
    return {figure.name: figure for figure in found}


def tasks(documents: list[dict]) -> Iterator[Task]:
    colours = network_colours(documents)
    for document in documents:
        for task in document["tasks"]:
            yield Task(document, task, colours)


def network_colours(documents: list[dict]) -> dict[str, str]:
    """Return the name of every network's colour; those on most corpora come first, then the best."""
    places: dict[str, list[int]] = {}
    for document in documents:
        for task in document["tasks"]:
            for place, network in enumerate(task["networks"]):
                places.setdefault(network["name"], []).append(place)
    ranked = sorted(places, key=lambda name: (-len(places[name]), sum(places[name]), name))
    return theme.colour_names(ranked)
