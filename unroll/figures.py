"""Every figure of a comparison, by name: drawn once as a specification, for the page and for papers alike."""

from collections.abc import Callable, Iterator

import altair as alt

from unroll import figures_rows, figures_scores, figures_theme, figures_training
from unroll.figures_chart import Figure, Task, specification

KINDS: dict[str, Callable[[Task], list[Figure]]] = {
    "seeds": figures_scores.seeds,
    "pairs": figures_scores.pairs,
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
        found.append(critical_difference(documents, over_corpora))
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
    """Return the name of every network's colour; those of better mean place over the corpora come first."""
    places: dict[str, list[int]] = {}
    for document in documents:
        for task in document["tasks"]:
            for place, network in enumerate(task["networks"]):
                places.setdefault(network["name"], []).append(place)
    ranked = sorted(places, key=lambda name: (sum(places[name]) / len(places[name]), name))
    return figures_theme.colour_names(ranked)


def critical_difference(documents: list[dict], over_corpora: dict) -> Figure:
    """Draw average ranks on a line, with a bar over networks that cannot be told apart (Demšar 2006)."""
    ranks = over_corpora["average_ranks"]
    ordered = sorted(ranks, key=lambda name: (ranks[name], name))
    half = (len(ordered) + 1) // 2
    lowest, highest = 1, max(len(ordered), 2)
    bars = [clique for clique in over_corpora["cliques"] if len(clique) > 1]
    top = 16 + 12 * len(bars)
    rows, lines = [], []
    for place, name in enumerate(ordered):
        left = place < half
        level = top + 20 * (place if left else len(ordered) - 1 - place)
        rows.append({"network": name, "rank": round(ranks[name], 4), "level": level, "left": left})
        end = lowest if left else highest
        lines += [
            {"network": name, "order": step, "rank": round(rank, 4), "level": height}
            for step, (rank, height) in enumerate(((ranks[name], 0), (ranks[name], level), (end, level)))
        ]
    cliques = [
        {
            "from": min(ranks[name] for name in clique) - 0.04,
            "to": max(ranks[name] for name in clique) + 0.04,
            "level": 10 + 12 * place,
            "networks": ", ".join(clique),
        }
        for place, clique in enumerate(bars)
    ]
    height = top + 20 * half
    x = alt.X(
        "rank:Q",
        title=None,
        scale=alt.Scale(domain=[lowest, highest], nice=False),
        axis=alt.Axis(orient="top", tickMinStep=1, format="d", grid=False, domain=True, ticks=True),
    )
    y = alt.Y("level:Q", title=None, axis=None, scale=alt.Scale(domain=[height, 0], nice=False))
    colours = network_colours(documents)
    colour = alt.Color("network:N", scale=alt.Scale(domain=list(colours)), legend=None)
    path = alt.Chart(alt.NamedData(name="lines")).mark_line(strokeWidth=1.5)
    bar = alt.Chart(alt.NamedData(name="cliques")).mark_rule(style="ink", strokeWidth=5, strokeCap="round")
    name = alt.Chart(alt.NamedData(name="rows")).encode(y=y, text="network:N")
    layers = [
        path.encode(x=x, y=y, color=colour, order="order:Q"),
        bar.encode(x="from:Q", x2="to:Q", y="level:Q", tooltip="networks:N"),
        name.transform_filter("datum.left")
        .mark_text(align="right", dx=-6, fontWeight="bold")
        .encode(x=alt.value(0)),
        name.transform_filter("!datum.left")
        .mark_text(align="left", dx=6, fontWeight="bold")
        .encode(x=alt.value("width")),
    ]
    title, axes = "Ranks over all corpora", f"average rank over {over_corpora['corpora']} corpora, 1 is best"
    text = (
        "A network's average rank by its headline. A bar joins networks whose ranks differ by less than the critical "
        f"difference, {over_corpora['critical_difference']:.2f} (Friedman's test: p = "
        f"{over_corpora['friedman_p']:.2g}; Nemenyi's test for the pairs): these have not been told apart."
    )
    chart = alt.layer(*layers, data=alt.NamedData(name="rows")).properties(width=480, height=height)
    spec = specification(chart, title, axes)
    spec["datasets"] = {"rows": rows, "lines": lines, "cliques": cliques}
    spec["description"] = f"{title}. {axes}. {text}"
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return Figure("corpora-ranks", "corpora-ranks", title, axes, text, spec, colours=colours)
