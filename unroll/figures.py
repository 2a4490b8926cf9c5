"""Every figure of a comparison, by name: drawn once as a specification, for the page and for papers alike."""

from collections.abc import Callable, Iterator

from unroll import figures_pairs, figures_rows, figures_scores, figures_theme, figures_training
from unroll.figures_chart import Figure, Task

KINDS: dict[str, Callable[[Task], list[Figure]]] = {
    "seeds": figures_scores.seeds,
    "pairs": figures_pairs.pairs,
    "power": figures_scores.power,
    "confusion": figures_rows.confusion,
    "length": figures_rows.by_length,
    "unknown-words": figures_rows.by_unknown,
    "calibration": figures_rows.calibration,
    "cost": figures_training.cost,
    "learning": figures_training.curves,
    "trials": figures_training.trials,
}
MEASURED: dict[str, Callable[[Task], Figure]] = {
    "cost": figures_training.cost_by_seconds,
    "trials": figures_training.trials_by_hours,
}
"""Figures that need measured times, which do not repeat: the page alone fills them in."""


def all_figures(documents: list[dict], over_corpora: dict) -> dict[str, Figure]:
    """Return the figures of every corpus, in the page's order, by names such as "sst5-seeds"."""
    found = [figure for task in tasks(documents) for draw in KINDS.values() for figure in draw(task)]
    if over_corpora["enough"]:
        found.append(figures_pairs.critical_difference(over_corpora, network_colours(documents)))
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
    return figures_theme.colour_names(ranked)
